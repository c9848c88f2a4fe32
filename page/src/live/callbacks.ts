// Every change of every callback that the identity may read.
import type { Callback } from "ringback/v1/callback_pb.js";
import type { CallbackEvent } from "ringback/v1/callbacks_service_pb.js";

export interface Changes {
  events: CallbackEvent[];
  /** The server's clock when it sent the last of them. */
  at: number;
}

const PAINT_MS = 100;

const changeListeners = new Set<(changes: Changes) => void>();
const anewListeners = new Set<() => void>();
let gathered: Changes = { events: [], at: 0 };
let painted = Number.NEGATIVE_INFINITY;
let isPlanned = false;

/** Hear of changes, at most every 100 ms and out of one animation frame: not while the tab is hidden. */
export function onChanges(listener: (changes: Changes) => void): () => void {
  changeListeners.add(listener);
  return () => changeListeners.delete(listener);
}

/** Hear that the history was gone: a first picture is to be read again. */
export function onAnew(listener: () => void): () => void {
  anewListeners.add(listener);
  return () => anewListeners.delete(listener);
}

export function receiveChanges(events: readonly CallbackEvent[], at: number): void {
  if (!events.length) return;
  for (const event of events) gathered.events.push(event);
  gathered.at = at;
  if (isPlanned) return;
  isPlanned = true;
  const wait = PAINT_MS - (performance.now() - painted);
  if (wait > 0) setTimeout(() => requestAnimationFrame(paint), wait);
  else requestAnimationFrame(paint);
}

export function receiveAnew(): void {
  gathered = { events: [], at: 0 };
  for (const listener of [...anewListeners]) listener();
}

function paint(): void {
  isPlanned = false;
  painted = performance.now();
  const changes = gathered;
  if (!changes.events.length) return;
  gathered = { events: [], at: 0 };
  for (const listener of [...changeListeners]) listener(changes);
}

// Of what was removed: a page that was read before must not bring it back. Ids are never used again.
const MAX_REMOVED = 10_000;

/** Callbacks by id, folded: of two copies the one with the larger revision stays. */
export class CallbackMap {
  readonly #byId = new Map<string, Callback>();
  readonly #removed = new Set<string>();

  get size(): number {
    return this.#byId.size;
  }

  get(id: string): Callback | undefined {
    return this.#byId.get(id);
  }

  values(): IterableIterator<Callback> {
    return this.#byId.values();
  }

  apply(callbacks: Iterable<Callback>): void {
    for (const callback of callbacks) {
      const { callbackId } = callback;
      if (this.#removed.has(callbackId)) continue;
      const held = this.#byId.get(callbackId);
      if (!held || held.revision < callback.revision) this.#byId.set(callbackId, callback);
    }
  }

  remove(id: string): void {
    this.#byId.delete(id);
    this.#removed.add(id);
    if (this.#removed.size <= MAX_REMOVED) return;
    for (const oldest of this.#removed) {
      this.#removed.delete(oldest);
      break;
    }
  }
}
