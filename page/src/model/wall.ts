// How large the wall board's text is, and what it leaves out. Pure.
import { fullTime } from "./times.js";
import { needsAttention, type Picture, waitingOf } from "./queue.js";
import { counted } from "./words.js";

// The layout in rem: what the columns need, what stands above the rows, and a row.
const COLUMNS_REM = 84;
const ABOVE_ROWS_REM = 18;
const ROW_REM = 3.3;
// Higher rows would lie too far apart.
const LARGEST_ROW_REM = 5;
// Text that is smaller than this part of the width is not read from four metres.
const LEAST_PART = 1 / 110;
const LEAST_PX = 12;

/** "Mon 30 November 2026". */
export function dayWords(at: number, zone: string): string {
  return fullTime(at, zone).replace(/, \d\d:\d\d.*$/, "");
}

export interface WallLayout {
  /** The size of 1 rem. */
  remPx: number;
  /** How many rows fit without scrolling. */
  rows: number;
  /** How high a row is. */
  rowRem: number;
}

/**
 * Return the largest text with which the rows fit, in a window of this size, but none that cannot be read. `abovePx` is
 * what stands above the rows with that text, once it is known: the rows share what is left, and the text stays.
 */
export function wallLayout(widthPx: number, heightPx: number, services: number, abovePx?: number): WallLayout {
  const byWidth = widthPx / COLUMNS_REM;
  const byHeight = heightPx / (ABOVE_ROWS_REM + ROW_REM * services);
  const largest = Math.max(LEAST_PX, widthPx * LEAST_PART, Math.min(byWidth, byHeight));
  // Rounded down, so that what fits does so afterwards.
  const remPx = Math.floor(largest * 100) / 100;
  const leftRem = heightPx / remPx - (abovePx === undefined ? ABOVE_ROWS_REM : abovePx / remPx);
  return {
    remPx,
    rows: Math.max(1, Math.floor(leftRem / ROW_REM)),
    rowRem: Math.min(LARGEST_ROW_REM, Math.max(ROW_REM, Math.floor((leftRem / services) * 100) / 100)),
  };
}

/**
 * Return the services that are shown where not all fit: quiet ones are left out, from which nobody waits and which have no
 * call. Where that is not enough, since nobody scrolls a board, those stay that need attention, and in which most wait. The
 * order stays.
 */
export function shownOnWall<P extends Picture>(pictures: readonly P[], rows: number): P[] {
  if (pictures.length <= rows) return [...pictures];
  const busy = pictures.filter((picture) => !isQuiet(picture));
  // What is left out takes a line.
  const room = Math.max(1, rows - 1);
  const urgency = (picture: P): number => Number(needsAttention(picture)) * 1e9 + waitingOf(picture.queue);
  const first = new Set([...busy].sort((one, other) => urgency(other) - urgency(one)).slice(0, room));
  return busy.filter((picture) => first.has(picture));
}

function isQuiet(picture: Picture): boolean {
  return !needsAttention(picture) && waitingOf(picture.queue) === 0 && picture.queue.inProgress === 0;
}

/** Return what is said of those that are left out; "" when none are. */
export function leftOutWords<P extends Picture>(pictures: readonly P[], shown: readonly P[]): string {
  const all = new Set(shown);
  const out = pictures.filter((picture) => !all.has(picture));
  const quiet = out.filter(isQuiet).length;
  const busy = out.length - quiet;
  const parts = [
    busy > 0 && `${counted(busy, "service")} more that there is no room for: fewer wait there.`,
    quiet > 0 && `${counted(quiet, "service")} more: nobody waits, and no call is in progress.`,
  ];
  return parts.filter(Boolean).join(" ");
}
