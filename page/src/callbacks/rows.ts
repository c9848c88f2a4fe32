// The keeper of the rows: what the filter selects now, and what is shown, where rows keep their places. No DOM.
import type { Callback, CallbackState } from "ringback/v1/callback_pb.js";

import { type Order, comparing, placeOf } from "../model/order.js";

/** One shown row. It is changed where it is; `version` grows when it has to be drawn anew. */
export interface Row {
  readonly id: string;
  /** As it is shown. */
  callback: Callback;
  /** By which it has got its place; what it would be now is another matter. */
  place: number;
  moved: boolean;
  version: number;
  /** On the clock of the caller, for the mark of a change; 0: not marked. */
  changedAt: number;
  /** It is selected no more: it has left the filter, or the server has it no more. */
  gone: "" | "left" | "removed";
}

/** What has been put off, so that rows keep their places. */
export interface PutOff {
  fresh: number;
  left: number;
  moved: number;
}

/** As many rows that have left may stand below the window while new ones enter. */
const MAX_GONE_BELOW = 200;

export class Rows {
  /** What the filter selects now: the fold of all changes. */
  readonly members = new Map<string, Callback>();
  /** How many changes have come since it was held; null while it is not. */
  held: number | null = null;
  #order: Order;
  #shown: Row[] = [];
  #rowOf = new Map<string, Row>();
  #waiting = new Set<string>();
  #marked = new Set<Row>();
  /** While it is held: what left, and as what. */
  #departed = new Map<string, { callback: Callback; gone: "left" | "removed" }>();
  #byState = new Map<CallbackState, number>();
  #left = 0;
  #moved = 0;

  constructor(order: Order) {
    this.#order = order;
  }

  get order(): Order {
    return this.#order;
  }

  get shown(): readonly Row[] {
    return this.#shown;
  }

  get putOff(): PutOff {
    return { fresh: this.#waiting.size, left: this.#left + this.#departed.size, moved: this.#moved };
  }

  /** How many members are in each state. Kept with each change: thousands are not counted per paint. */
  countByState(): ReadonlyMap<CallbackState, number> {
    return this.#byState;
  }

  /** Whether a row has the mark of a change. */
  get isMarked(): boolean {
    return this.#marked.size > 0;
  }

  row(id: string): Row | undefined {
    return this.#rowOf.get(id);
  }

  /** A callback is selected, as it is now. */
  put(callback: Callback, at: number): void {
    const id = callback.callbackId;
    this.#count(this.members.get(id), -1);
    this.#count(callback, 1);
    this.members.set(id, callback);
    const row = this.#rowOf.get(id);
    if (this.held !== null) {
      this.held++;
      this.#departed.delete(id);
    }
    if (!row) this.#waiting.add(id);
    else if (this.held === null) this.#update(row, callback, "", at);
  }

  /** A callback is selected no more. Its row stays where it is. */
  drop(callback: Callback, gone: "left" | "removed", at: number): void {
    const id = callback.callbackId;
    const member = this.members.get(id);
    if (!member) return;
    this.members.delete(id);
    this.#count(member, -1);
    this.#waiting.delete(id);
    const row = this.#rowOf.get(id);
    if (this.held !== null) {
      this.held++;
      if (row && row.gone === "") this.#departed.set(id, { callback, gone });
    } else if (row) this.#update(row, gone === "removed" ? row.callback : callback, gone, at);
  }

  /** Another picture takes the place of this one, all of it shown. */
  replace(callbacks: Iterable<Callback>): void {
    this.members.clear();
    this.#byState.clear();
    for (const callback of callbacks) {
      this.members.set(callback.callbackId, callback);
      this.#count(callback, 1);
    }
    this.#departed.clear();
    this.showAll();
  }

  /** Show what is selected, and nothing else, in the order. */
  showAll(order: Order = this.#order): void {
    this.#order = order;
    const before = this.#rowOf;
    this.#rowOf = new Map();
    this.#shown = [];
    for (const callback of this.members.values()) {
      const row = before.get(callback.callbackId) ?? newRow(callback);
      if (row.callback !== callback || row.gone !== "") row.version++;
      row.callback = callback;
      row.gone = "";
      row.moved = false;
      row.place = placeOf(callback, order);
      this.#rowOf.set(row.id, row);
      this.#shown.push(row);
    }
    this.#shown.sort(comparing(order));
    this.#waiting.clear();
    this.#departed.clear();
    this.#left = 0;
    this.#moved = 0;
    if (this.held !== null) this.held = 0;
  }

  /** Let new rows enter, each at its place. What has left and lies below the window goes once there is much of it. */
  enter(windowEnd: number): void {
    if (this.held !== null || this.#waiting.size === 0) return;
    for (const id of this.#waiting) {
      const callback = this.members.get(id);
      if (!callback) continue;
      const row = newRow(callback);
      row.place = placeOf(callback, this.#order);
      this.#rowOf.set(id, row);
      this.#shown.splice(this.#placeFor(row), 0, row);
    }
    this.#waiting.clear();
    if (this.#left > MAX_GONE_BELOW) this.#forgetGone(windowEnd);
  }

  /** Freeze what is shown, or let it go on and catch up. */
  hold(on: boolean, at: number): void {
    if (on === (this.held !== null)) return;
    this.held = on ? 0 : null;
    if (on) return;
    for (const row of this.#shown) {
      const callback = this.members.get(row.id);
      const departed = this.#departed.get(row.id);
      if (callback && (callback !== row.callback || row.gone !== "")) this.#update(row, callback, "", at);
      else if (departed) this.#update(row, departed.callback, departed.gone, at);
    }
    this.#departed.clear();
  }

  /** Take the marks of changes away that were made before then. Return whether a row has to be drawn anew. */
  unmark(before: number): boolean {
    let any = false;
    for (const row of this.#marked) {
      if (row.changedAt > before) break;
      this.#marked.delete(row);
      row.changedAt = 0;
      row.version++;
      any = true;
    }
    return any;
  }

  indexOf(id: string): number {
    const row = this.#rowOf.get(id);
    return row ? this.#shown.indexOf(row) : -1;
  }

  #update(row: Row, callback: Callback, gone: Row["gone"], at: number): void {
    this.#left += Number(gone !== "") - Number(row.gone !== "");
    const moved = gone === "" && placeOf(callback, this.#order) !== row.place;
    this.#moved += Number(moved) - Number(row.moved);
    row.callback = callback;
    row.gone = gone;
    row.moved = moved;
    row.version++;
    row.changedAt = at;
    // The set is in the order of the marks.
    this.#marked.delete(row);
    this.#marked.add(row);
  }

  #count(callback: Callback | undefined, difference: number): void {
    if (callback) this.#byState.set(callback.state, (this.#byState.get(callback.state) ?? 0) + difference);
  }

  #placeFor(row: Row): number {
    const compare = comparing(this.#order);
    let [low, high] = [0, this.#shown.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = this.#shown[middle];
      if (other && compare(other, row) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #forgetGone(windowEnd: number): void {
    this.#shown = this.#shown.filter((row, index) => {
      if (row.gone === "" || index < windowEnd) return true;
      this.#rowOf.delete(row.id);
      this.#marked.delete(row);
      this.#left--;
      return false;
    });
  }
}

function newRow(callback: Callback): Row {
  return { id: callback.callbackId, callback, place: 0, moved: false, version: 0, changedAt: 0, gone: "" };
}
