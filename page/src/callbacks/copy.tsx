// Buttons that copy a text.
import { useSignal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";

import { useKeys } from "../app/keys.js";

const SAID_MS = 2000;

export function CopyButton(props: {
  text: () => string;
  does: string;
  keys?: string;
  children: ComponentChildren;
}): JSX.Element {
  const { text, does, keys, children } = props;
  const said = useSignal("");
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text());
      said.value = "Copied";
    } catch {
      said.value = "Not copied: the browser does not allow it";
    }
    setTimeout(() => (said.value = ""), SAID_MS);
  };
  useKeys(keys ? [{ keys, does, run: () => void copy() }] : []);
  return (
    <button type="button" onClick={() => void copy()}>
      {said.value || children}
      {keys && !said.value && <kbd>{keys}</kbd>}
      <span class="vh" role="status">
        {said.value}
      </span>
    </button>
  );
}
