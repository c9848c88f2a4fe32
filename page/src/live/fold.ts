// The changes of a while, folded: of each callback the newest.
import { type CallbackEvent, CallbackEventType } from "ringback/v1/callbacks_service_pb.js";

// What a tab that was away is told at once. With more it reads its picture again, which costs the same.
const MAX_CALLBACKS = 10_000;

export interface Folded {
  events: CallbackEvent[];
  /** How many changes these are the newest of. */
  count: number;
}

export class Fold {
  #events = new Map<string, CallbackEvent>();
  #count = 0;
  #overflowed = false;

  add(event: CallbackEvent): void {
    this.#count += 1;
    const id = event.callback?.callbackId;
    if (id === undefined || this.#overflowed) return;
    const before = this.#events.get(id);
    this.#events.set(id, before ? newerOf(before, event) : event);
    if (this.#events.size > MAX_CALLBACKS) {
      this.#overflowed = true;
      this.#events.clear();
    }
  }

  /** Return what there is, and begin again. Null when it was too much to keep. */
  take(): Folded | null {
    const folded = this.#overflowed ? null : { events: [...this.#events.values()], count: this.#count };
    this.clear();
    return folded;
  }

  clear(): void {
    this.#events.clear();
    this.#count = 0;
    this.#overflowed = false;
  }
}

/** The newer of two events of one callback, with the state before both. What was removed stays so. */
function newerOf(one: CallbackEvent, other: CallbackEvent): CallbackEvent {
  if (one.type === CallbackEventType.REMOVED) return one;
  if (other.type !== CallbackEventType.REMOVED && revisionOf(other) < revisionOf(one)) return one;
  const created = one.type === CallbackEventType.CREATED && other.type === CallbackEventType.UPDATED;
  return { ...other, type: created ? one.type : other.type, previousState: one.previousState };
}

function revisionOf({ callback }: CallbackEvent): bigint {
  return callback?.revision ?? 0n;
}
