/** What has ended today and in the last hour, by service: the figures of the view Queues. */
import { CallbackState } from "ringback/v1/callback_pb.js";
import type { Step } from "./chart.js";
import { HALF_HOUR_MS, halfHourOf, midnight } from "./half-hours.js";
import type { Ending, Tally } from "./tally.js";

const HOUR_MS = 3_600_000;
const STEP_MS = 300_000;

/** Return from when on the server has to count for these figures: the reader's day, and the last hour. */
export function countFrom(now: number, zone: string): number {
  return Math.min(dayBegin(now, zone), halfHourOf(now - HOUR_MS));
}

/**
 * Return when the reader's day begins, as far as half hours can tell: in the few zones that are a quarter of an hour off,
 * the half hour in which it begins.
 */
export function dayBegin(now: number, zone: string): number {
  return halfHourOf(midnight(now, zone));
}

/** How many callbacks of a service, or of all, have ended today. */
export interface Today {
  answered: number;
  failed: number;
  expired: number;
}

/** "83 %". Not all is 100 %, and not none 0 %, by rounding. */
export function percent(share: number): string {
  const rounded = Math.round(share * 100);
  const bounded = share < 1 ? Math.min(rounded, 99) : rounded;
  return `${share > 0 ? Math.max(bounded, 1) : bounded} %`;
}

/** Return the share of the answered among those that were to be called; null when none has ended. */
export function answeredShare({ answered, failed, expired }: Today): number | null {
  const all = answered + failed + expired;
  return all === 0 ? null : answered / all;
}

/** Return today's ends by service. Cancelled callbacks are not among them: they were not to be called any more. */
export function todayOf(tally: Tally, from: number): Map<string, Today> {
  const today = new Map<string, Today>();
  for (const { serviceId, halfHour, kind, count } of tally.ends.cells()) {
    if (halfHour < from) {
      continue;
    }
    const ends = today.get(serviceId) ?? { answered: 0, failed: 0, expired: 0 };
    ends.answered += kind === CallbackState.COMPLETED ? count : 0;
    ends.failed += kind === CallbackState.FAILED ? count : 0;
    ends.expired += kind === CallbackState.EXPIRED ? count : 0;
    today.set(serviceId, ends);
  }
  return today;
}

/** Return the sum over services. */
export function sumOf(ends: Iterable<Today>): Today {
  const all = { answered: 0, failed: 0, expired: 0 };
  for (const { answered, failed, expired } of ends) {
    all.answered += answered;
    all.failed += failed;
    all.expired += expired;
  }
  return all;
}

/** Attempts of the last hour that came as events, by five minutes. The server counts by the half hour. */
export class LastHour {
  readonly #services = new Map<string, Map<number, number>>();
  #since: number;

  constructor(since: number) {
    this.#since = since;
  }

  add(ending: Ending): void {
    const { serviceId, at } = ending;
    if ("state" in ending || at < this.#since) return;
    const steps = this.#services.get(serviceId) ?? new Map<number, number>();
    const begin = Math.floor(at / STEP_MS) * STEP_MS;
    this.#services.set(serviceId, steps.set(begin, (steps.get(begin) ?? 0) + 1));
  }

  /** Forget what is older than an hour. */
  forget(now: number): void {
    const from = halfHourOf(now - HOUR_MS);
    for (const [serviceId, steps] of this.#services) {
      for (const begin of steps.keys()) {
        if (begin < from) {
          steps.delete(begin);
        }
      }
      if (steps.size === 0) {
        this.#services.delete(serviceId);
      }
    }
    this.#since = Math.max(this.#since, from);
  }

  /**
   * Return the attempts of a service in the last hour, from the oldest: by five minutes since events came, and by what
   * is left of the half hour before.
   */
  stepsOf(serviceId: string, halfHourCounts: ReadonlyMap<number, number>, now: number): Step[] {
    const fine = this.#services.get(serviceId) ?? new Map<number, number>();
    const steps: Step[] = [];
    for (let begin = halfHourOf(now - HOUR_MS); begin <= now; begin += HALF_HOUR_MS) {
      const end = begin + HALF_HOUR_MS;
      const parts: Step[] = [];
      let seen = 0;
      for (let at = begin; at < end && at <= now; at += STEP_MS) {
        if (at + STEP_MS > this.#since) {
          const count = fine.get(at) ?? 0;
          parts.push({ from: Math.max(at, this.#since), to: at + STEP_MS, count });
          seen += count;
        }
      }
      const before = Math.min(end, Math.max(begin, this.#since));
      if (before > begin) {
        steps.push({ from: begin, to: before, count: Math.max(0, (halfHourCounts.get(begin) ?? 0) - seen) });
      }
      steps.push(...parts);
    }
    return steps.filter((step) => step.to > now - HOUR_MS);
  }
}

/** Return the attempts of each service by half hour. */
export function attemptsByService(tally: Tally, from: number): Map<string, Map<number, number>> {
  const services = new Map<string, Map<number, number>>();
  for (const { serviceId, halfHour, count } of tally.attempts.cells()) {
    if (halfHour >= from) {
      const times = services.get(serviceId) ?? new Map<number, number>();
      services.set(serviceId, times.set(halfHour, (times.get(halfHour) ?? 0) + count));
    }
  }
  return services;
}
