// Sizes that styles cannot compute: how wide a column is, and whether the page is as narrow as a phone.
import { type ReadonlySignal, signal } from "@preact/signals";
import { useLayoutEffect, useState } from "preact/hooks";

const DEFAULT_REM = 20;

/** The width of what `selector` finds in an element, without its padding, in rem. It is found again for another `key`. */
export function useRemWidth(within: { current: HTMLElement | null }, selector: string, key: string): number {
  const [width, setWidth] = useState(DEFAULT_REM);
  useLayoutEffect(() => {
    const measured = within.current?.querySelector(selector);
    if (!measured) return;
    const observer = new ResizeObserver(([entry]) => {
      const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
      const found = (entry?.contentRect.width ?? 0) / rem;
      // Tenths, so that no change of a pixel paints all strips again.
      if (found > 0) setWidth(Math.floor(found * 10) / 10);
    });
    observer.observe(measured);
    return () => observer.disconnect();
  }, [selector, key]);
  return width;
}

const query = matchMedia("(max-width: 820px)");
const narrow = signal(query.matches);
query.addEventListener("change", ({ matches }) => (narrow.value = matches));

/** Rows are cards: what can be done is in them. */
export const isNarrow: ReadonlySignal<boolean> = narrow;
