/** What the view Outcomes shows of a tally: a figure for each outcome, and the matrix by service. */
import { type CallbackState, CallOutcome } from "ringback/v1/callback_pb.js";
import type { Service } from "ringback/v1/directory_service_pb.js";
import { HALF_HOUR_MS, halfHourOf, halfHours, weekBefore } from "./half-hours.js";
import type { Tally } from "./tally.js";

export type Range = "1h" | "6h" | "24h" | "7d";

const HOUR_MS = 3_600_000;
export const RANGES: ReadonlyMap<Range, number> = new Map([
  ["1h", HOUR_MS],
  ["6h", 6 * HOUR_MS],
  ["24h", 24 * HOUR_MS],
  ["7d", 7 * 24 * HOUR_MS],
]);

/** Outcomes in the order in which they are shown; one that a newer server has comes after these. */
export const OUTCOMES: readonly CallOutcome[] = [
  CallOutcome.ANSWERED,
  CallOutcome.NO_ANSWER,
  CallOutcome.BUSY,
  CallOutcome.MACHINE,
  CallOutcome.UNREACHABLE,
  CallOutcome.DECLINED,
  CallOutcome.NETWORK_FAILURE,
  CallOutcome.ABANDONED,
  CallOutcome.INVALID_NUMBER,
  CallOutcome.INTERRUPTED,
  CallOutcome.BLOCKED,
  CallOutcome.NOT_AUTHORIZED,
];

/** Outcomes that are not retried unless a service says so. */
const PERMANENT: ReadonlySet<CallOutcome> = new Set([
  CallOutcome.INVALID_NUMBER,
  CallOutcome.BLOCKED,
  CallOutcome.NOT_AUTHORIZED,
]);

/** What stands out in a figure, and since when. */
export type Mark =
  | { kind: "since"; from: number }
  | { kind: "between"; from: number; to: number }
  | { kind: "first"; at: number; exact: boolean };

/** One outcome over the half hours of a range. */
export interface OutcomeFigure {
  outcome: CallOutcome;
  total: number;
  counts: readonly number[];
  peak: number;
  /** The half hour of the peak; null when there was no such outcome. */
  peakAt: number | null;
  /** A week before, at the same times of day. Null when nothing was counted then. */
  lastWeek: readonly number[] | null;
  /** The whole half hours compared with those of last week. */
  difference: number | null;
  /** Which half hours stand out. */
  unusual: readonly boolean[];
  mark: Mark | null;
}

/** Return the half hours of a range: as many as it takes to cover it whole. */
export function rangeHalfHours(range: Range, now: number): number[] {
  return halfHours(now - (RANGES.get(range) ?? HOUR_MS), now);
}

/** Return the half hours a week before, by the reader's wall clock, in which the server has counted. */
export function weekBeforeEach(times: readonly number[], zone: string): number[] {
  return times.map((time) => halfHourOf(weekBefore(time, zone)));
}

/** Return how many attempts ended with each outcome in each of these half hours; one may be named twice. */
function byOutcome(tally: Tally, times: readonly number[]): Map<CallOutcome, number[]> {
  const places = new Map<number, number[]>();
  times.forEach((time, i) => places.set(time, [...(places.get(time) ?? []), i]));
  const counts = new Map<CallOutcome, number[]>();
  for (const { halfHour, kind, count } of tally.attempts.cells()) {
    for (const i of places.get(halfHour) ?? []) {
      let row = counts.get(kind);
      if (row === undefined) {
        counts.set(kind, (row = new Array<number>(times.length).fill(0)));
      }
      row[i] = (row[i] ?? 0) + count;
    }
  }
  return counts;
}

// Fewer than these in half an hour may be chance.
const LEAST_UNUSUAL = 5;

/** The attempts of one outcome by half hour, and those of all others. */
export interface Volume {
  counts: readonly number[];
  others: readonly number[];
}

/**
 * Return which half hours stand out: at least 5, and more than twice the usual, plus 3. The usual is the largest of last
 * week's half hour and its two neighbours; where more was dialled besides than then, it is so many times more.
 */
export function unusualHalfHours(now: Volume, lastWeek: Volume): boolean[] {
  const around = (numbers: readonly number[], i: number): number =>
    Math.max(...[i - 1, i, i + 1].map((j) => numbers[j] ?? 0));
  return now.counts.map((count, i) => {
    const growth = Math.max(1, (now.others[i] ?? 0) / Math.max(1, around(lastWeek.others, i)));
    return count >= LEAST_UNUSUAL && count > 2 * growth * around(lastWeek.counts, i) + 3 * growth;
  });
}

/** Return the last run of half hours that stand out. One that reaches the last two goes on: the last is not over. */
function lastRun(times: readonly number[], unusual: readonly boolean[]): Mark | null {
  const last = unusual.lastIndexOf(true);
  let first = last;
  while (unusual[first - 1] === true) {
    first -= 1;
  }
  const from = times[first];
  const end = times[last];
  if (from === undefined || end === undefined) {
    return null;
  }
  return last >= times.length - 2 ? { kind: "since", from } : { kind: "between", from, to: end + HALF_HOUR_MS };
}

function firstOf(tally: Tally, outcome: CallOutcome, times: readonly number[], counts: readonly number[]): Mark | null {
  const halfHour = times[counts.findIndex((count) => count > 0)];
  if (halfHour === undefined) {
    return null;
  }
  const at = tally.firstIn(halfHour, outcome);
  return { kind: "first", at: at ?? halfHour, exact: at !== null };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

function figureOf(
  tally: Tally,
  outcome: CallOutcome,
  times: readonly number[],
  now: Volume,
  then: Volume | null,
): OutcomeFigure {
  const { counts } = now;
  const lastWeek = then === null ? null : then.counts;
  const peak = Math.max(0, ...counts);
  // That more is answered than last week is no fault.
  const hasUsual = then !== null && outcome !== CallOutcome.ANSWERED;
  const unusual = hasUsual ? unusualHalfHours(now, then) : counts.map(() => false);
  const isNew = PERMANENT.has(outcome) && lastWeek !== null && sum(lastWeek) === 0;
  // NOT_AUTHORIZED is a fault of configuration, and stands out in any week.
  const isFirst = isNew || outcome === CallOutcome.NOT_AUTHORIZED;
  return {
    outcome,
    total: sum(counts),
    counts,
    peak,
    peakAt: peak === 0 ? null : (times[counts.indexOf(peak)] ?? null),
    lastWeek,
    difference: lastWeek === null ? null : sum(counts.slice(0, -1)) - sum(lastWeek.slice(0, -1)),
    unusual: isFirst ? counts.map((count) => count > 0) : unusual,
    mark: isFirst ? firstOf(tally, outcome, times, counts) : lastRun(times, unusual),
  };
}

/** Return the figure of each outcome over these half hours. `last` has the counts of the week before, if there are any. */
export function figuresOf(tally: Tally, last: Tally | null, times: readonly number[], zone: string): OutcomeFigure[] {
  const now = byOutcome(tally, times);
  const then = last === null ? null : byOutcome(last, weekBeforeEach(times, zone));
  const newer = [...now.keys()].filter((outcome) => !OUTCOMES.includes(outcome)).sort((a, b) => a - b);
  const volumes = volumesOf(now, times.length);
  const before = then === null || then.size === 0 ? null : volumesOf(then, times.length);
  return [...OUTCOMES, ...newer].map((outcome) =>
    figureOf(tally, outcome, times, volumes(outcome), before === null ? null : before(outcome)),
  );
}

/** Return what finds the volume of an outcome; nothing of one that there was not. */
function volumesOf(counts: ReadonlyMap<CallOutcome, number[]>, length: number): (outcome: CallOutcome) => Volume {
  const none = new Array<number>(length).fill(0);
  const all = none.map((_, i) => sum([...counts.values()].map((each) => each[i] ?? 0)));
  return (outcome) => {
    const mine = counts.get(outcome) ?? none;
    return { counts: mine, others: all.map((total, i) => total - (mine[i] ?? 0)) };
  };
}

/** Return in how many of these services an outcome is retried. */
function retriedIn(outcome: CallOutcome, services: readonly Service[]): number {
  return services.filter((service) => {
    const rule = service.retryRules.find((candidate) => candidate.outcome === outcome);
    return rule?.maxRetries !== 0 && (rule?.retry ?? !PERMANENT.has(outcome));
  }).length;
}

/** Return how these services treat an outcome, in a few words. */
export function treatment(outcome: CallOutcome, services: readonly Service[]): string {
  const retried = retriedIn(outcome, services);
  if (services.length === 0) {
    return PERMANENT.has(outcome) ? "permanent" : "retried";
  }
  if (retried === 0) {
    return "permanent";
  }
  return retried === services.length ? "retried" : `retried in ${retried} of ${services.length} services`;
}

/** One service in the matrix. */
export interface MatrixRow {
  serviceId: string;
  counts: ReadonlyMap<CallOutcome, number>;
  attempts: number;
  /** Of all attempts. */
  answeredShare: number;
}

/** Return the counts of each service that has any in these half hours. */
export function matrixOf(tally: Tally, times: readonly number[]): MatrixRow[] {
  const counted = new Set(times);
  const rows = new Map<string, Map<CallOutcome, number>>();
  for (const { serviceId, halfHour, kind, count } of tally.attempts.cells()) {
    if (counted.has(halfHour)) {
      const row = rows.get(serviceId) ?? new Map<CallOutcome, number>();
      rows.set(serviceId, row.set(kind, (row.get(kind) ?? 0) + count));
    }
  }
  return [...rows].map(([serviceId, counts]) => {
    const attempts = sum([...counts.values()]);
    return { serviceId, counts, attempts, answeredShare: (counts.get(CallOutcome.ANSWERED) ?? 0) / attempts };
  });
}

/** Return how many callbacks ended in each state in these half hours. */
export function endsOf(tally: Tally, times: readonly number[]): Map<CallbackState, number> {
  const counted = new Set(times);
  const ends = new Map<CallbackState, number>();
  for (const { halfHour, kind, count } of tally.ends.cells()) {
    if (counted.has(halfHour)) {
      ends.set(kind, (ends.get(kind) ?? 0) + count);
    }
  }
  return ends;
}
