// The table: a real one, of which only the rows in the window are in the document.
import { Component, type JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { Priority } from "ringback/v1/callback_pb.js";

import { address } from "../app/router.js";
import { asOf, zone } from "../live/clock.js";
import { queues, serviceName } from "../live/queues.js";
import type { Order } from "../model/order.js";
import { timeOfDay } from "../model/times.js";
import { AttemptTrace } from "../parts/attempt-trace.js";
import { LevelBars } from "../parts/level-bars.js";
import { StateChip } from "../parts/state-chip.js";
import { Target } from "../parts/target.js";
import { useWindow } from "../parts/windowed.js";
import { AbsoluteTime, CountedTime, WhyCell } from "./cells.js";
import { useFocusHandedOn } from "./focus.js";
import { cursor, usePaint, viewport } from "./list.js";
import { select } from "./moves.js";
import { PutOffLine } from "./put-off.js";
import type { Row, Rows } from "./rows.js";

const COLUMNS = ["State", "Priority", "Target", "Service", "Attempts", "Next or last time", "Why", "Caller"] as const;
/** By which column an order goes. */
const SORTED: Partial<Record<Order, number>> = { priority: 1, next: 5, oldest: 5, ended: 5 };
const DESCENDING: ReadonlySet<Order> = new Set(["ended"]);

export function rowDomId(id: string): string {
  return `row-${id}`;
}

export function CallbacksTable({ rows }: { rows: Rows }): JSX.Element {
  // Rows are changed where they are; this is how it is known.
  usePaint();
  const scroll = useRef<HTMLDivElement>(null);
  const { shown } = rows;
  const { start, end, rowHeight, above, below } = useWindow(scroll, "tr.line", shown.length);
  useScrolling(scroll, rows, rowHeight);
  useFocusHandedOn(scroll);
  viewport.end = end;
  const selected = address.value.query.get("sel")?.toLowerCase() ?? "";
  const active = cursor.value;
  const isActiveInWindow = shown.slice(start, end).some(({ id }) => id === active);
  return (
    <div class="scroll" ref={scroll}>
      <PutOffLine rows={rows} />
      <table
        class="c"
        role="grid"
        tabIndex={0}
        aria-label="Callbacks"
        aria-rowcount={shown.length + 1}
        aria-activedescendant={isActiveInWindow ? rowDomId(active) : undefined}
      >
        <thead role="rowgroup">
          <tr role="row" aria-rowindex={1}>
            {COLUMNS.map((name, index) => (
              <th
                key={name}
                scope="col"
                role="columnheader"
                class={`c${String(index + 1)}`}
                aria-sort={sortOf(rows.order, index)}
              >
                {name}
                {index === 5 && asOf.value !== null && <span class="asof"> as of {timeOfDay(asOf.value, zone)}</span>}
              </th>
            ))}
          </tr>
        </thead>
        {above > 0 && <Spacer height={above} />}
        <tbody role="rowgroup">
          {shown.slice(start, end).map((row, index) => (
            <TableRow
              key={row.id}
              row={row}
              version={row.version}
              index={start + index}
              selected={row.id === selected}
              active={row.id === active}
            />
          ))}
        </tbody>
        {below > 0 && <Spacer height={below} />}
      </table>
    </div>
  );
}

function sortOf(order: Order, index: number): "ascending" | "descending" | undefined {
  if (SORTED[order] !== index) return undefined;
  return DESCENDING.has(order) ? "descending" : "ascending";
}

/** Room for the rows that are not in the document. */
function Spacer({ height }: { height: number }): JSX.Element {
  return (
    <tbody role="presentation" class="spacer" aria-hidden="true">
      <tr role="presentation">
        <td role="presentation" style={{ height: `${String(height)}px` }} />
      </tr>
    </tbody>
  );
}

/** Say whether the list is at its top, and keep the row of the cursor in sight when it is moved. */
function useScrolling(scroll: { current: HTMLElement | null }, rows: Rows, rowHeight: number): void {
  useLayoutEffect(() => {
    const element = scroll.current;
    if (!element) return;
    viewport.mounted = true;
    element.scrollTop = viewport.top;
    // Of a link to a callback, its row is shown.
    if (cursor.peek() === "" && viewport.top === 0) cursor.value = address.peek().query.get("sel")?.toLowerCase() ?? "";
    const note = () => {
      viewport.top = element.scrollTop;
      viewport.atTop = element.scrollTop < rowHeight / 2;
    };
    note();
    element.addEventListener("scroll", note, { passive: true });
    return () => {
      viewport.mounted = false;
      element.removeEventListener("scroll", note);
    };
  }, []);
  const active = cursor.value;
  useLayoutEffect(() => {
    const element = scroll.current;
    const index = active === "" ? -1 : rows.indexOf(active);
    if (!element || index < 0) return;
    const head = element.querySelector("thead")?.clientHeight ?? 0;
    const top = index * rowHeight;
    viewport.page = Math.max(Math.floor((element.clientHeight - head) / rowHeight) - 1, 1);
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + rowHeight > element.scrollTop + element.clientHeight - head) {
      element.scrollTop = top + rowHeight - element.clientHeight + head;
    }
  }, [active]);
}

interface RowProps {
  row: Row;
  version: number;
  index: number;
  selected: boolean;
  active: boolean;
}

/** Drawn anew only when its row says so, or when it is chosen. */
class TableRow extends Component<RowProps> {
  override shouldComponentUpdate(next: Readonly<RowProps>): boolean {
    const { row, version, index, selected, active } = this.props;
    return (
      row !== next.row ||
      version !== next.version ||
      index !== next.index ||
      selected !== next.selected ||
      active !== next.active
    );
  }

  override render({ row, index, selected, active }: RowProps): JSX.Element {
    const { callback, gone, changedAt } = row;
    const request = callback.callbackRequest;
    const priority = request?.priority ?? Priority.UNSPECIFIED;
    const classes = ["line"];
    if (selected) classes.push("sel");
    if (active) classes.push("active");
    if (gone) classes.push("gone");
    if (changedAt > 0) classes.push("chg");
    return (
      <tr
        id={rowDomId(row.id)}
        class={classes.join(" ")}
        role="row"
        aria-rowindex={index + 2}
        aria-selected={selected}
        data-id={row.id}
        onClick={() => select(row.id)}
      >
        <td role="gridcell" class="c1" data-column="state">
          <StateChip state={callback.state} />
          {gone && <span class="vh"> (no longer selected)</span>}
        </td>
        <td role="gridcell" class="c2" data-column="priority">
          {priority !== Priority.UNSPECIFIED && <LevelBars priority={priority} />}
        </td>
        <td role="gridcell" class="c3" data-column="target">
          <Target uri={callback.dialTarget} />
        </td>
        <td role="gridcell" class="c4" data-column="service">
          <ServiceCell id={callback.serviceId} />
        </td>
        <td role="gridcell" class="c5" data-column="attempts">
          <TraceCell row={row} />
        </td>
        <td role="gridcell" class="c6" data-column="time">
          <div class="next-time">
            <CountedTime callback={callback} />
            <AbsoluteTime callback={callback} />
          </div>
        </td>
        <td role="gridcell" class="c7 why" data-column="why">
          <WhyCell callback={callback} gone={gone} />
        </td>
        <td role="gridcell" class="c8 sub" data-column="caller">
          {request?.callerId}
        </td>
      </tr>
    );
  }
}

function ServiceCell({ id }: { id: string }): JSX.Element {
  const name = serviceName(id);
  return <span title={name}>{name}</span>;
}

function TraceCell({ row }: { row: Row }): JSX.Element {
  const retries = queues.value.get(row.callback.serviceId)?.service.defaultMaxRetries;
  return <AttemptTrace callback={row.callback} maxRetries={retries} />;
}
