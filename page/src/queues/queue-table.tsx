// The table of services. It is one tab stop: arrows go from row to row and from cell to cell.
import { useSignal } from "@preact/signals";
import type { JSX, TargetedKeyboardEvent } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";

import { useKeys } from "../app/keys.js";
import { setQuery } from "../app/router.js";
import { queues } from "../live/queues.js";
import type { Picture } from "../model/queue.js";
import { stripScale } from "../model/strip.js";
import { LevelTable } from "./level-table.js";
import { QueueRow } from "./queue-row.js";
import { useRemWidth } from "./sizes.js";

export interface Column {
  name: string;
  class?: string;
}

const COLUMNS: Column[] = [
  { name: "Service" },
  { name: "State" },
  { name: "Waiting", class: "num" },
  { name: "By priority", class: "lvls" },
  { name: "Oldest wait", class: "num" },
  { name: "In progress" },
  { name: "Estimated wait", class: "num" },
  { name: "Dialers", class: "x2" },
  { name: "Answered", class: "num xq" },
  { name: "last 60 min", class: "r xq" },
];

export function QueueTable({ open }: { open: string }): JSX.Element {
  const pictures = [...queues.value.values()];
  const table = useRef<HTMLTableElement>(null);
  const rows = useRovingRows(table, pictures, open);
  const width = useRemWidth(table, "td.lvls", pictures[0]?.service.serviceId ?? "");
  const scale = useMemo(() => stripScale(pictures.map(countsOf), width), [queues.value, width]);
  return (
    <table
      class="q"
      ref={table}
      aria-rowcount={pictures.length + 1}
      onKeyDown={rows.onKeyDown}
      onFocusIn={rows.onFocusIn}
    >
      <caption class="vh">Services by name. Arrow keys go from row to row and within a row; Enter opens one.</caption>
      <thead>
        <tr aria-rowindex={1}>
          {COLUMNS.map(({ name, class: added }) => (
            <th key={name} scope="col" class={added}>
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {pictures.map((picture, i) => {
          const id = picture.service.serviceId;
          const isOpen = id === open;
          return [
            <QueueRow
              key={id}
              picture={picture}
              index={i + 2}
              scale={scale}
              isOpen={isOpen}
              isStop={id === rows.stop}
              onToggle={rows.toggle}
            />,
            isOpen && <LevelTable key={`${id} levels`} picture={picture} columns={COLUMNS.length} />,
          ];
        })}
      </tbody>
    </table>
  );
}

export function countsOf({ queue }: Picture): number[] {
  return queue.waiting.map((level) => level.count).filter((count) => count > 0);
}

/** The row that has the tab stop, and the keys that move it. */
function useRovingRows(table: { current: HTMLTableElement | null }, pictures: readonly Picture[], open: string) {
  const chosen = useSignal("");
  const place = useRef(0);
  const hadFocus = useRef(false);
  const ids = pictures.map(({ service }) => service.serviceId);
  // A row that has left hands the stop on to the one that took its place. Keys may come faster than paints.
  const index = (): number => {
    const found = ids.indexOf(chosen.peek());
    return found >= 0 ? found : Math.min(place.current, ids.length - 1);
  };
  const isGone = !ids.includes(chosen.value);
  const stop = ids[index()] ?? "";
  const focusRow = (id: string): void => rowOf(table.current, id)?.querySelector<HTMLElement>("[data-cell]")?.focus();
  const move = (to: number): void => {
    const id = ids[Math.min(Math.max(to, 0), ids.length - 1)];
    if (id === undefined) return;
    chosen.value = id;
    focusRow(id);
  };
  const step = (by: number): void => move(isIn(table.current) ? index() + by : index());
  const toggle = (id: string): void => {
    chosen.value = id;
    setQuery({ open: id === open ? null : id });
  };
  useLayoutEffect(() => {
    place.current = index();
    if (hadFocus.current && isGone && document.activeElement === document.body) focusRow(stop);
  });
  useEffect(() => {
    // A link to an open row leads to it.
    if (open !== "") rowOf(table.current, open)?.scrollIntoView({ block: "nearest" });
  }, [open]);
  useKeys([
    { keys: "j", does: "next row", run: () => step(1) },
    { keys: "k", does: "row before", run: () => step(-1) },
    { keys: "Enter", does: "open", run: () => toggle(stop) },
    { keys: " ", does: "open", run: () => toggle(stop) },
    { keys: "Escape", does: "close", run: () => setQuery({ open: null }), when: () => open !== "" },
  ]);
  const onFocusIn = ({ target }: { target: EventTarget | null }): void => {
    hadFocus.current = true;
    const id = target instanceof Element ? target.closest<HTMLElement>("tr[data-id]")?.dataset["id"] : undefined;
    if (id !== undefined) chosen.value = id;
  };
  const onKeyDown = (event: TargetedKeyboardEvent<HTMLTableElement>): void => {
    const to = { ArrowDown: index() + 1, ArrowUp: index() - 1, Home: 0, End: ids.length - 1 }[event.key];
    const across = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const row = event.target instanceof Element ? event.target.closest("tr[data-id]") : null;
    if (row === null || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (to !== undefined) move(to);
    else if (across !== undefined) moveAcross(row, across);
    else return;
    event.preventDefault();
  };
  return { stop, toggle, onFocusIn, onKeyDown };
}

function rowOf(table: HTMLTableElement | null, id: string): Element | null {
  return table?.querySelector(`tr[data-id="${CSS.escape(id)}"]`) ?? null;
}

function isIn(table: HTMLTableElement | null): boolean {
  return table?.contains(document.activeElement) ?? false;
}

/** Go to the next control of a row that is shown. */
function moveAcross(row: Element, by: number): void {
  const cells = [...row.querySelectorAll<HTMLElement>("[data-cell]")].filter((cell) => cell.offsetParent !== null);
  const at = cells.indexOf(document.activeElement as HTMLElement);
  cells[Math.min(Math.max(at + by, 0), cells.length - 1)]?.focus();
}
