// What this browser remembers of a person's taste. Nothing of the data is ever in it.
import { effect, type Signal, signal } from "@preact/signals";

/** A text that is kept in localStorage, where there is one; other tabs follow. */
export function kept(name: string, otherwise: string): Signal<string> {
  const value = signal(read(name) ?? otherwise);
  effect(() => {
    try {
      localStorage.setItem(name, value.value);
    } catch {
      // Storage may be forbidden or full: then it lasts as long as the page.
    }
  });
  addEventListener("storage", ({ key, newValue }) => {
    if (key === name) value.value = newValue ?? otherwise;
  });
  return value;
}

function read(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}
