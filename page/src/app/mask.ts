// Numbers hidden on this screen, because somebody looks over a shoulder. What the role masks, the server masks: the page
// never has it.
import { computed, type ReadonlySignal, signal } from "@preact/signals";

import { masked } from "../model/mask.js";

const hidden = signal(false);

export const numbersHidden: ReadonlySignal<boolean> = computed(() => hidden.value);

export function switchNumbers(): void {
  hidden.value = !hidden.peek();
}

/** A target, such as `tel:+41785556677`, as this screen is to show it. Read it where it is rendered. */
export function shownTarget(target: string): string {
  return hidden.value ? masked(target) : target;
}
