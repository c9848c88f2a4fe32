// The footer: the keys that help most here.
import type { JSX } from "preact";

import { keyLabels } from "../model/keys.js";
import { keysOfNow, singlesAct } from "./keys.js";

/** In this order, those of them that there are. */
const HINTS: { keys: string[]; does: string; class?: string }[] = [
  { keys: ["j", "k"], does: "move" },
  { keys: ["Enter"], does: "open" },
  { keys: ["Escape"], does: "back" },
  { keys: ["/"], does: "filter" },
  { keys: ["."], does: "show new" },
  { keys: ["h"], does: "hold" },
  { keys: ["g q", "g c", "g o"], does: "go to", class: "x1" },
];

export function Keys({ onSheet }: { onSheet: () => void }): JSX.Element {
  const there = new Set(keysOfNow.value.map(({ keys }) => keys));
  const hints = HINTS.filter(({ keys }) => keys.every((key) => there.has(key)));
  return (
    <footer class="keys">
      {singlesAct.value &&
        hints.map(({ keys, does, class: added }) => (
          <span key={does} class={added}>
            <KeyCaps keys={keys} /> {does}
          </span>
        ))}
      <button type="button" class="quiet" onClick={onSheet}>
        <kbd>?</kbd> {singlesAct.value ? "all keys" : "keys are off"}
      </button>
    </footer>
  );
}

/** "g then q c o" for three that begin alike. */
function KeyCaps({ keys }: { keys: string[] }): JSX.Element {
  const labels = keys.map(keyLabels);
  const [first, second] = labels[0] ?? [];
  const begins = second !== undefined;
  return (
    <>
      {begins && (
        <>
          <kbd>{first}</kbd> then{" "}
        </>
      )}
      {labels.map((label) => (
        <kbd key={label.join(" ")}>{label.at(-1)}</kbd>
      ))}
    </>
  );
}
