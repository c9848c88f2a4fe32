// What is said of the figures of outcomes. Pure: now and the reader's zone are passed in.
import { CallOutcome } from "ringback/v1/callback_pb.js";

import { wallClock } from "./local-time.js";
import type { Mark, OutcomeFigure } from "./outcomes.js";
import { clockTime } from "./times.js";
import { percent } from "./today.js";
import { counted, outcomeWord, withCommas } from "./words.js";

/** "14:00", with the date when it is not today's. */
export function hourAndMinute(at: number, now: number, zone: string): string {
  return clockTime(at, now, zone).replace(/:\d\d$/, "");
}

/** What stands out, and when: "since 12:00", "07:00 to 08:30", "first at 14:03:14". */
export function markWords(mark: Mark, now: number, zone: string): string {
  const short = (at: number): string => hourAndMinute(at, now, zone);
  switch (mark.kind) {
    case "since":
      return `since ${short(mark.from)}`;
    case "between":
      return `${short(mark.from)} to ${short(mark.to).split(" ").at(-1) ?? ""}`;
    case "first":
      return mark.exact ? `first at ${clockTime(mark.at, now, zone)}` : `first after ${short(mark.at)}`;
  }
}

/** The difference from last week: "+40 on last week". */
export function differenceWords(difference: number): string {
  const sign = difference < 0 ? "−" : difference > 0 ? "+" : "±";
  return `${sign}${withCommas(Math.abs(difference))} on last week`;
}

/** What stands below the name: "51 % of attempts, peak 103", "retried, peak 46". */
export function factWords(figure: OutcomeFigure, attempts: number, treated: string): string {
  const share = attempts === 0 ? "" : `${percent(figure.total / attempts)} of attempts`;
  const facts = figure.outcome === CallOutcome.ANSWERED ? share : treated;
  return [facts, figure.peak > 0 && `peak ${withCommas(figure.peak)}`].filter(Boolean).join(", ");
}

/** A figure as a sentence, for those who do not see the chart. */
export function figureSentence(figure: OutcomeFigure, range: string, now: number, zone: string): string {
  const name = outcomeWord(figure.outcome);
  if (figure.peakAt === null) return `${name}: none in ${range}.`;
  const peak = `most in half an hour ${withCommas(figure.peak)}, from ${hourAndMinute(figure.peakAt, now, zone)}`;
  const compared = figure.difference === null ? "" : `, ${differenceWords(figure.difference)}`;
  const mark = figure.mark === null ? "" : `; it stands out ${markWords(figure.mark, now, zone)}`;
  return `${name}: ${counted(figure.total, "attempt")} in ${range}, ${peak}${compared}${mark}.`;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** A label below a chart, at a part of its width from 0 to 1. */
export interface Tick {
  part: number;
  text: string;
}

const WEEKDAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/**
 * Return up to five labels below a chart of these half hours: times of day, or the days' names where each begins in a
 * range of several days.
 */
export function ticksOf(times: readonly number[], now: number, zone: string): Tick[] {
  const first = times[0] ?? now;
  const span = (times.at(-1) ?? now) - first;
  if (span > 2 * DAY_MS) return dayTicks(times, zone);
  const step = Math.max(1, Math.round((times.length - 1) / 4));
  return times
    .map((at, i) => ({ at, i }))
    .filter(({ i }) => i % step === 0 && times.length - i > step / 2)
    .map(({ at, i }) => ({ part: i / times.length, text: hourAndMinute(at, at, zone) }));
}

function dayTicks(times: readonly number[], zone: string): Tick[] {
  return times.flatMap((at, i) => {
    const wall = wallClock(at, zone);
    // The first half hour that the day has: not at 00:00 where clocks skip it.
    const before = times[i - 1];
    const isNew = before !== undefined && Math.floor(wallClock(before, zone) / DAY_MS) !== Math.floor(wall / DAY_MS);
    // There is no room beside "now".
    return isNew && i / times.length < 0.93
      ? [{ part: i / times.length, text: WEEKDAYS[new Date(wall).getUTCDay()] ?? "" }]
      : [];
  });
}
