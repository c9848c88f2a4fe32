// The sheet of keys, and their switch.
import type { Signal } from "@preact/signals";
import type { JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

import { keyLabels } from "../model/keys.js";
import { type Key, keysOfNow, singlesAct, switchSingles } from "./keys.js";

/** The built name of the file. */
declare const LICENCES_URL: string;

export function KeySheet({ isOpen }: { isOpen: Signal<boolean> }): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    if (isOpen.value) dialog.current?.showModal();
    else dialog.current?.close();
  }, [isOpen.value]);
  return (
    <dialog ref={dialog} class="sheet" onClose={() => (isOpen.value = false)} aria-labelledby="sheet-title">
      {isOpen.value && <Sheet onClose={() => (isOpen.value = false)} />}
    </dialog>
  );
}

function Sheet({ onClose }: { onClose: () => void }): JSX.Element {
  return (
    <>
      <h1 id="sheet-title">Keys</h1>
      <dl class="key-list">
        {grouped(keysOfNow.value).map(({ does, keys }) => (
          <div key={does}>
            <dt>
              {keys.map((each, index) => (
                <span key={each}>
                  {index > 0 && " or "}
                  {keyLabels(each).map((label, position) => (
                    <span key={position}>
                      {position > 0 && " then "}
                      <kbd>{label}</kbd>
                    </span>
                  ))}
                </span>
              ))}
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
      <label class="switch">
        <input
          type="checkbox"
          checked={singlesAct.value}
          onChange={({ currentTarget }) => switchSingles(currentTarget.checked)}
        />
        Keys of a single character act. Off while you type; switch them off for good where dictation hits them.
      </label>
      <div class="act">
        <a class="note" href={LICENCES_URL} target="_blank" rel="noopener">
          Licences of what this page is built with
        </a>
        <button type="button" class="prim" onClick={onClose}>
          Close
        </button>
      </div>
    </>
  );
}

/** Of two entries for the same keys only the one that acts; several keys that do the same stand together. */
function grouped(all: readonly Key[]): { does: string; keys: string[] }[] {
  const seen = new Set<string>();
  const byDeed = new Map<string, string[]>();
  for (const { keys, does } of all) {
    if (seen.has(keys)) continue;
    seen.add(keys);
    byDeed.set(does, [...(byDeed.get(does) ?? []), keys]);
  }
  return [...byDeed].map(([does, keys]) => ({ does, keys }));
}
