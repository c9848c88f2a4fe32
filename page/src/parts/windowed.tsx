// Which rows of a long list are in the document: those that are seen, and some around them.
import { useLayoutEffect, useState } from "preact/hooks";
import type { RefObject } from "preact";

/** As many rows are in the document at most, unless a screen shows more of them. */
const MAX_ROWS = 60;
const OVERSCAN = 10;

export interface Window {
  /** The first row, and the one after the last. */
  start: number;
  end: number;
  /** In pixels: of a row, and of what is left out above and below. */
  rowHeight: number;
  above: number;
  below: number;
}

export interface Scrolled {
  top: number;
  height: number;
}

/** Pure: the window of a list. All rows are of one height. */
export function windowOf(count: number, rowHeight: number, { top, height }: Scrolled): Window {
  const firstSeen = Math.min(Math.floor(Math.max(top, 0) / rowHeight), Math.max(count - 1, 0));
  const seen = Math.ceil(height / rowHeight) + 1;
  const around = Math.max(Math.min(OVERSCAN, Math.floor((MAX_ROWS - seen) / 2)), 0);
  const start = Math.max(firstSeen - around, 0);
  const end = Math.min(firstSeen + seen + around, count);
  return { start, end, rowHeight, above: start * rowHeight, below: (count - end) * rowHeight };
}

/** Follow what is scrolled, and how high it and its rows are. `rowSelector` finds one row. */
export function useWindow(scroll: RefObject<HTMLElement | null>, rowSelector: string, count: number): Window {
  const [scrolled, setScrolled] = useState<Scrolled>({ top: 0, height: 0 });
  const [rowHeight, setRowHeight] = useState(30);
  useLayoutEffect(() => {
    const element = scroll.current;
    if (!element) return;
    let planned = 0;
    const measure = () => {
      planned = 0;
      const row = element.querySelector(rowSelector);
      if (row) setRowHeight(row.getBoundingClientRect().height || 30);
      setScrolled((before) => {
        const next = { top: element.scrollTop, height: element.clientHeight };
        return before.top === next.top && before.height === next.height ? before : next;
      });
    };
    const plan = () => {
      planned ||= requestAnimationFrame(measure);
    };
    measure();
    element.addEventListener("scroll", plan, { passive: true });
    const observer = new ResizeObserver(plan);
    observer.observe(element);
    return () => {
      element.removeEventListener("scroll", plan);
      observer.disconnect();
      if (planned) cancelAnimationFrame(planned);
    };
    // Anew when the first rows come: there is a height to measure then.
  }, [count > 0]);
  return windowOf(count, rowHeight, scrolled);
}
