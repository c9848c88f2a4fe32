// The names of keys. Pure.

/** The name of a key that was pressed. Caps lock makes no other key of it. */
export function keyName(key: string, shift: boolean): string {
  return key.length === 1 && !shift ? key.toLowerCase() : key;
}

/** The space bar alone has a blank for a name. */
export function normalKeys(keys: string): string {
  return keys === "Space" ? " " : keys;
}

/** Whether every key is a character, so that dictated text may hit it (WCAG 2.1.4). */
export function isSingle(keys: string): boolean {
  return keys === " " || keys.split(" ").every((key) => key.length === 1);
}

const LABELS: Record<string, string> = {
  " ": "space",
  Enter: "↵",
  Escape: "esc",
  ArrowDown: "↓",
  ArrowUp: "↑",
  ArrowLeft: "←",
  ArrowRight: "→",
  PageUp: "page ↑",
  PageDown: "page ↓",
  Home: "home",
  End: "end",
};

/** What is printed on the keys: ["g", "q"]. */
export function keyLabels(keys: string): string[] {
  const whole = LABELS[normalKeys(keys)];
  return whole ? [whole] : keys.split(" ").map((key) => LABELS[key] ?? key);
}
