// Keys of the whole page, in one place. They are off while somebody types, while a dialog is open, and when they are
// switched off (WCAG 2.1.4): of those only the ones of a single character, which dictation may hit.
import { computed, type ReadonlySignal, signal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";

import { isSingle, keyName, normalKeys } from "../model/keys.js";
import { kept } from "./kept.js";

export interface Key {
  /** "j", "g q", "Enter", "Escape", " " for the space bar, "ArrowDown". */
  keys: string;
  /** For the sheet of keys: "open", "show new". */
  does: string;
  run: () => void;
  /** Not while this is false. */
  when?: () => boolean;
}

// Between the two keys of "g q".
const SEQUENCE_MS = 1_000;

interface Group {
  entries: readonly Key[];
}

const groups = signal<readonly Group[]>([]);
const singles = kept("ringback-keys", "on");

/** All keys of now, those of the view that came last first. */
export const keysOfNow: ReadonlySignal<readonly Key[]> = computed(() => groups.value.flatMap(({ entries }) => entries));
/** Whether keys of a single character act. */
export const singlesAct: ReadonlySignal<boolean> = computed(() => singles.value !== "off");

export function switchSingles(on: boolean): void {
  singles.value = on ? "on" : "off";
}

/** Have keys act while the component is mounted. Of two entries with the same keys, the one that was mounted last acts. */
export function useKeys(entries: readonly Key[]): void {
  const group = useRef<{ entries: readonly Key[] }>({ entries });
  group.current.entries = entries;
  // With what is drawn, and not some time later: what is seen acts.
  useLayoutEffect(() => {
    const mine = group.current;
    groups.value = [mine, ...groups.peek()];
    return () => {
      groups.value = groups.peek().filter((each) => each !== mine);
    };
  }, []);
}

let begun = { key: "", at: 0 };

export function startKeys(): void {
  addEventListener("keydown", press);
}

function press(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.isComposing || event.metaKey || event.ctrlKey || event.altKey) return;
  const key = keyName(event.key, event.shiftKey);
  if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
  const entry = entryOf(key);
  if (entry && !(isNative(key) && isControl(event.target))) {
    event.preventDefault();
    entry.run();
  }
}

function entryOf(key: string): Key | undefined {
  const now = performance.now();
  const sequence = now - begun.at < SEQUENCE_MS ? `${begun.key} ${key}` : key;
  const found = active(sequence) ?? active(key);
  const begins = !found && entriesOfNow().some(({ keys }) => keys.startsWith(`${key} `) && keys !== key);
  begun = begins ? { key, at: now } : { key: "", at: 0 };
  return found;
}

/** What acts is what was rendered last; `keysOfNow` is told of groups that come and go only. */
function entriesOfNow(): readonly Key[] {
  return groups.peek().flatMap(({ entries }) => entries);
}

function active(wanted: string): Key | undefined {
  if (!singlesAct.peek() && isSingle(wanted)) return undefined;
  return entriesOfNow().find(({ keys, when }) => normalKeys(keys) === wanted && (when?.() ?? true));
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement)
    return true;
  return target instanceof HTMLInputElement && !["button", "checkbox", "radio", "submit"].includes(target.type);
}

/** What browsers do with a control themselves. */
function isNative(key: string): boolean {
  return key === "Enter" || key === " ";
}

function isControl(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest("a[href], button, summary, input, label") !== null;
}
