// A button that copies a text, and says that it has.
import { useSignal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";

import { useKeys } from "../app/keys.js";

const SAID_MS = 2_000;

/** Copy a text. Return whether that was possible. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Not over plain HTTP: browsers have no clipboard there, and the older way still works.
    return copyBySelection(text);
  }
}

function copyBySelection(text: string): boolean {
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "vh";
  const active = document.activeElement;
  // Within a modal dialog nothing outside of it can be selected.
  (document.querySelector("dialog[open]") ?? document.body).append(field);
  field.select();
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- there is no other way without a clipboard
  const copied = document.execCommand("copy");
  field.remove();
  if (active instanceof HTMLElement) active.focus();
  return copied;
}

/** `text` is made when the button is pressed; `keys` do the same, which the sheet of keys says as `does`. */
export function CopyButton(props: {
  text: () => string;
  keys?: string;
  does?: string;
  class?: string;
  children: ComponentChildren;
}): JSX.Element {
  const { text, keys, does = "copy" } = props;
  const said = useSignal("");
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const copy = async (): Promise<void> => {
    said.value = (await copyText(text())) ? "Copied" : "The browser does not let the page copy";
    clearTimeout(timer.current);
    timer.current = setTimeout(() => (said.value = ""), SAID_MS);
  };
  useKeys(keys === undefined ? [] : [{ keys, does, run: () => void copy() }]);
  return (
    <button type="button" class={props.class ?? ""} onClick={() => void copy()}>
      <span>{said.value || props.children}</span>
      {keys !== undefined && said.value === "" && <kbd aria-hidden="true">{keys}</kbd>}
      <span role="status" class="vh">
        {said.value}
      </span>
    </button>
  );
}
