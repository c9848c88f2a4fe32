// How many callbacks are in each state, whatever states the filter has: counted by the server, kept by events. No DOM.
import { type Callback, type CallbackFilter, CallbackState } from "ringback/v1/callback_pb.js";
import { type CallbackEvent, CallbackEventType, type StateCount } from "ringback/v1/callbacks_service_pb.js";

/** Events can tell what a callback was, not whether it was selected; so it is counted anew, at most so often. */
export const RECOUNT_MS = 10_000;

export interface Facet {
  count: number;
  /** There may be more. */
  atLeast: boolean;
}

export class Facets {
  readonly byState = new Map<CallbackState, Facet>();
  counted = false;
  #countedAt = Number.NEGATIVE_INFINITY;
  #stale = true;
  #counting = false;
  readonly #count: () => Promise<StateCount[]>;
  readonly #selects: (callback: Callback) => boolean;

  /** `selects` is the filter but for its states. */
  constructor(count: () => Promise<StateCount[]>, selects: (callback: Callback) => boolean) {
    this.#count = count;
    this.#selects = selects;
  }

  get total(): Facet {
    const facets = [...this.byState.values()];
    return { count: facets.reduce((sum, { count }) => sum + count, 0), atLeast: facets.some(({ atLeast }) => atLeast) };
  }

  note(events: readonly CallbackEvent[]): void {
    for (const { type, callback, previousState } of events) {
      if (!callback || !this.#selects(callback)) {
        // It may have been selected before.
        this.#stale = true;
        continue;
      }
      this.#stale = true;
      const removed = type === CallbackEventType.REMOVED;
      if (!removed && previousState === callback.state) continue;
      if (removed) this.#add(callback.state, -1);
      else {
        if (previousState !== CallbackState.UNSPECIFIED) this.#add(previousState, -1);
        this.#add(callback.state, 1);
      }
    }
  }

  /** Count anew when something has changed, or `again`. Return whether there is something new to show. */
  async refresh(at: number, again = false): Promise<boolean> {
    if (this.#counting || !(again || (this.#stale && at - this.#countedAt >= RECOUNT_MS))) return false;
    this.#counting = true;
    this.#stale = false;
    this.#countedAt = at;
    try {
      for (const { state, count, atLeast } of await this.#count()) {
        this.byState.set(state, { count: Number(count), atLeast });
      }
      this.counted = true;
      return true;
    } catch {
      this.#stale = true;
      return false;
    } finally {
      this.#counting = false;
    }
  }

  #add(state: CallbackState, difference: number): void {
    const facet = this.byState.get(state);
    if (facet) this.byState.set(state, { ...facet, count: Math.max(facet.count + difference, 0) });
  }
}

export function withoutStates(filter: CallbackFilter): CallbackFilter {
  return { ...filter, states: [] };
}
