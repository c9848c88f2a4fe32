// Light, dark, or as the system has it.
import { effect, type ReadonlySignal, computed, signal } from "@preact/signals";

import { kept } from "./kept.js";

const chosen = kept("ringback-theme", "auto");
const query = matchMedia("(prefers-color-scheme: dark)");
const systemIsDark = signal(query.matches);

export const isDark: ReadonlySignal<boolean> = computed(() =>
  chosen.value === "auto" ? systemIsDark.value : chosen.value === "dark",
);

/** Change to the other one. Where that is the system's, follow the system again. */
export function switchTheme(): void {
  const dark = !isDark.peek();
  chosen.value = dark === systemIsDark.peek() ? "auto" : dark ? "dark" : "light";
}

export function startTheme(): void {
  query.addEventListener("change", ({ matches }) => (systemIsDark.value = matches));
  effect(() => {
    const { dataset } = document.documentElement;
    if (chosen.value === "dark" || chosen.value === "light") dataset["theme"] = chosen.value;
    else delete dataset["theme"];
  });
}
