// Focus is never lost: what had it and goes away hands it on.
import type { RefObject } from "preact";
import { useLayoutEffect } from "preact/hooks";

/** When the element goes and has the focus, or has it within, the table takes it; without a table, the view does. */
export function useFocusHandedOn(ref: RefObject<HTMLElement | null>): void {
  useLayoutEffect(() => {
    const element = ref.current;
    return () => {
      if (!element?.contains(document.activeElement)) return;
      const table = document.querySelector<HTMLElement>("table.c");
      const next = table && !element.contains(table) ? table : document.getElementById("main");
      next?.focus({ preventScroll: true });
    };
  }, []);
}
