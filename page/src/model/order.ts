// The orders of the list. A row's place is one number; equal ones are ordered by id.
import { type Callback, CallbackState, Priority } from "ringback/v1/callback_pb.js";
import { us } from "./moments.js";

export const ORDERS = {
  next: "what happens next",
  newest: "newest first",
  priority: "priority",
  oldest: "oldest wait",
  ended: "ended last",
} as const;
export type Order = keyof typeof ORDERS;

export function isOrder(text: string): text is Order {
  return Object.hasOwn(ORDERS, text);
}

const S = CallbackState;
/** What is being called comes first, then what waits, then what is to come, then what has been. */
const RANK: Partial<Record<CallbackState, number>> = {
  [S.CONNECTED]: 0,
  [S.DIALING]: 1,
  [S.OFFERED]: 2,
  [S.CANCELLING]: 3,
  [S.QUEUED]: 4,
  [S.SCHEDULED]: 5,
};
const ENDED = 7;
/** More than any time in milliseconds, so that a rank counts first. With it all places are exact numbers. */
const STEP = 4e14;

/** Return the place of a callback: less comes first. */
export function placeOf(callback: Callback, order: Order): number {
  switch (order) {
    case "next":
      return nextPlace(callback);
    case "newest":
      return -createdMs(callback.callbackId);
    case "priority":
      return isOpen(callback)
        ? rank(callback.callbackRequest?.priority || Priority.NOTHING_ELSE, waiting(callback))
        : ended(callback, 10);
    case "oldest":
      return callback.state === S.QUEUED ? rank(0, waiting(callback)) : nextPlace(callback) + STEP;
    case "ended":
      return isOpen(callback) ? rank(1, waiting(callback)) : ended(callback, 0);
  }
}

export interface Placed {
  place: number;
  id: string;
}

/** Return how rows of an order are compared. Equal places: the later id first where new ones come first. */
export function comparing(order: Order): (one: Placed, other: Placed) => number {
  const later = order === "newest" || order === "ended" ? -1 : 1;
  return (one, other) => one.place - other.place || (one.id === other.id ? 0 : one.id > other.id ? later : -later);
}

/** The first 48 bits of a UUIDv7 are milliseconds: numbers are compared faster than texts. */
function createdMs(id: string): number {
  return parseInt(id.slice(0, 8) + id.slice(9, 13), 16) || 0;
}

export function isOpen(callback: Callback): boolean {
  return callback.endTime === undefined && !(callback.state >= S.COMPLETED && callback.state <= S.EXPIRED);
}

function nextPlace(callback: Callback): number {
  return isOpen(callback) ? rank(RANK[callback.state] ?? 6, waiting(callback)) : ended(callback, ENDED);
}

/** Since when it waits, or until when; while it is called, since when. */
function waiting(callback: Callback): number {
  const time =
    callback.nextAttemptTime ?? callback.attempts.at(-1)?.startTime ?? callback.queueTime ?? callback.createTime;
  return ms(us(time));
}

function ended(callback: Callback, at: number): number {
  return rank(at, -ms(us(callback.endTime)));
}

function rank(rank: number, time: number): number {
  return rank * STEP + time;
}

function ms(time: number | null): number {
  return time === null ? 0 : Math.floor(time / 1000);
}
