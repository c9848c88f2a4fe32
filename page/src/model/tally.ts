/** How attempts and callbacks have ended: what GetOutcomes has counted, and the events since, folded in. */
import type { CallbackState, CallOutcome } from "ringback/v1/callback_pb.js";
import { type CallbackEvent, CallbackEventType } from "ringback/v1/callbacks_service_pb.js";
import type { GetOutcomesResponse } from "ringback/v1/directory_service_pb.js";
import { halfHourOf } from "./half-hours.js";
import { ENDED } from "./states.js";
import { ms } from "./times.js";

/** The end of an attempt or of a callback. */
export type Ending = { serviceId: string; at: number } & ({ outcome: CallOutcome } | { state: CallbackState });

// By so much the times of events may be out of order: they are taken before a transaction, and told after it.
const DISORDER_MS = 5000;

/**
 * Finds in events what has ended since those before. Several changes of a callback may come as one event, so it is the
 * times of its attempts that count, not its state before.
 */
export class Endings {
  #until = -Infinity;
  /** What ended lately, and was returned: what ended longer ago is not returned anyway. */
  readonly #returned = new Map<string, number>();

  /** Return what has ended with these events, each end once. */
  of(events: readonly CallbackEvent[]): Ending[] {
    const from = this.#until - DISORDER_MS;
    for (const [key, at] of this.#returned) {
      if (at <= from) this.#returned.delete(key);
    }
    const endings: Ending[] = [];
    const add = (key: string, ending: Ending): void => {
      if (ending.at > from && !this.#returned.has(key)) {
        this.#returned.set(key, ending.at);
        endings.push(ending);
      }
    };
    for (const { type, callback, eventTime } of events) {
      // What was removed has ended before.
      if (callback === undefined || type === CallbackEventType.REMOVED) continue;
      const { callbackId, serviceId, attempts, state } = callback;
      for (const { number, outcome, endTime } of attempts) {
        const at = ms(endTime);
        if (at !== null) add(`${callbackId} ${number}`, { serviceId, at, outcome });
      }
      const at = ms(callback.endTime);
      if (at !== null && ENDED.has(state)) add(callbackId, { serviceId, at, state });
      this.#until = Math.max(this.#until, ms(eventTime) ?? -Infinity);
    }
    return endings;
  }
}

/** Numbers by service, half hour and kind. */
class Counts<Kind extends number> {
  readonly #services = new Map<string, Map<number, Map<Kind, number>>>();

  add(serviceId: string, halfHour: number, kind: Kind, count: number): void {
    let times = this.#services.get(serviceId);
    if (times === undefined) {
      this.#services.set(serviceId, (times = new Map<number, Map<Kind, number>>()));
    }
    let kinds = times.get(halfHour);
    if (kinds === undefined) {
      times.set(halfHour, (kinds = new Map<Kind, number>()));
    }
    kinds.set(kind, (kinds.get(kind) ?? 0) + count);
  }

  *cells(): Iterable<{ serviceId: string; halfHour: number; kind: Kind; count: number }> {
    for (const [serviceId, times] of this.#services) {
      for (const [halfHour, kinds] of times) {
        for (const [kind, count] of kinds) {
          yield { serviceId, halfHour, kind, count };
        }
      }
    }
  }
}

/** The counts of a time, which events are added to. */
export class Tally {
  readonly attempts = new Counts<CallOutcome>();
  readonly ends = new Counts<CallbackState>();
  /** When the first attempt of a half hour ended with an outcome, where all of them came as events. */
  readonly #first: Map<string, number>;
  /**
   * The server's clock when it counted. An ending until then is taken to be among the counts. One at that very moment may
   * be counted twice or not at all, until the next half hour begins and all is counted anew.
   */
  readonly countedAt: number;

  /** Count anew. What the tally before has seen as events is known more exactly than by the half hour. */
  constructor(response: GetOutcomesResponse, before?: Tally) {
    this.#first = new Map(before === undefined ? [] : before.#first);
    this.countedAt = ms(response.serverTime) ?? 0;
    for (const { serviceId, beginTime, outcome, count } of response.outcomes) {
      const halfHour = halfHourOf(ms(beginTime) ?? 0);
      this.attempts.add(serviceId, halfHour, outcome, count);
      const place = `${halfHour} ${outcome}`;
      this.#first.set(place, this.#first.get(place) ?? NaN);
    }
    for (const { serviceId, beginTime, state, count } of response.ends) {
      this.ends.add(serviceId, halfHourOf(ms(beginTime) ?? 0), state, count);
    }
  }

  /** Fold an ending in, unless it was counted. */
  add(ending: Ending): void {
    const { serviceId, at } = ending;
    if (at <= this.countedAt) return;
    const halfHour = halfHourOf(at);
    if ("state" in ending) {
      this.ends.add(serviceId, halfHour, ending.state, 1);
      return;
    }
    this.attempts.add(serviceId, halfHour, ending.outcome, 1);
    const place = `${halfHour} ${ending.outcome}`;
    this.#first.set(place, Math.min(at, this.#first.get(place) ?? Infinity));
  }

  /** Return when the first attempt of this half hour ended so; null when only the half hour is known. */
  firstIn(halfHour: number, outcome: CallOutcome): number | null {
    const at = this.#first.get(`${halfHour} ${outcome}`);
    return at === undefined || Number.isNaN(at) ? null : at;
  }
}
