/** Half hours, days and weeks as the server counts them and as the reader's clock shows them. */
import { wallClock } from "./local-time.js";

export const HALF_HOUR_MS = 1_800_000;
const DAY_MS = 86_400_000;
const WEEK_MS = 7 * DAY_MS;

/** Return the beginning of the half hour (UTC) in which `at` lies: the server counts by these. */
export function halfHourOf(at: number): number {
  return Math.floor(at / HALF_HOUR_MS) * HALF_HOUR_MS;
}

/** Return the beginnings of all half hours from that of `begin` to that of `end`, both included. */
export function halfHours(begin: number, end: number): number[] {
  const first = halfHourOf(begin);
  const count = Math.max(0, (halfHourOf(end) - first) / HALF_HOUR_MS + 1);
  return Array.from({ length: count }, (_, i) => first + i * HALF_HOUR_MS);
}

function offset(at: number, zone: string): number {
  return wallClock(at, zone) - at;
}

/**
 * Return when the wall clock of `zone` shows `wall`. Of a time that it shows twice: the one with the offset
 * `preferred`, or else the first. A time that it skips is one that follows the gap.
 */
function whenClockShows(wall: number, zone: string, preferred?: number): number {
  // The offsets a day before and a day after are those on both sides of a change.
  const before = offset(wall - DAY_MS, zone);
  const after = offset(wall + DAY_MS, zone);
  const valid = [before, after].filter((candidate) => offset(wall - candidate, zone) === candidate);
  const chosen = valid.find((candidate) => candidate === preferred) ?? valid[0] ?? before;
  return wall - chosen;
}

/** Return when the day of `zone` in which `at` lies has begun. */
export function midnight(at: number, zone: string): number {
  return whenClockShows(Math.floor(wallClock(at, zone) / DAY_MS) * DAY_MS, zone);
}

/** Return when the wall clock of `zone` showed the same a week before `at`: an hour more or less after a change of time. */
export function weekBefore(at: number, zone: string): number {
  const wall = wallClock(at, zone);
  return whenClockShows(wall - WEEK_MS, zone, wall - at);
}
