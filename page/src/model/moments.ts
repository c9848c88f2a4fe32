// Moments as filters name them, and times in whole microseconds, in which the server compares them.
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { create } from "@bufbuild/protobuf";
import { TimestampSchema } from "@bufbuild/protobuf/wkt";

/** A moment relative to now, which rolls on, or an absolute one. `text` is as it was written. */
export type Moment =
  { kind: "relative"; text: string; offsetUs: number } | { kind: "absolute"; text: string; atUs: number };

const UNIT_US: Record<string, number> = { s: 1e6, m: 60e6, h: 3600e6, d: 86_400e6, w: 604_800e6 };
const RELATIVE = /^([+-]?)((?:\d{1,9}[smhdw])+)$/;
const ABSOLUTE = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?([Zz]|[+-]\d\d:\d\d)$/;
/** Longer than any callback can be due ahead or be kept. */
const LONGEST_US = 20 * 366 * 86_400e6;

/** Read "-15m", "1h30m", "now", or a time of RFC 3339 with its zone. Return why it is neither, as a text. */
export function readMoment(text: string): Moment | string {
  if (text === "now") return { kind: "relative", text, offsetUs: 0 };
  const relative = RELATIVE.exec(text);
  if (relative) {
    let offsetUs = 0;
    for (const [, count, unit] of (relative[2] ?? "").matchAll(/(\d+)([smhdw])/g)) {
      offsetUs += Number(count) * (UNIT_US[unit ?? ""] ?? 0);
    }
    if (offsetUs > LONGEST_US) return "is more than 20 years away";
    return { kind: "relative", text, offsetUs: relative[1] === "-" ? -offsetUs : offsetUs };
  }
  // An unescaped plus sign arrives as a blank.
  const written = text.replace(/ (\d\d:\d\d)$/, (_, zone: string) => (/\d[Tt ]\d\d:\d\d/.test(text) ? `+${zone}` : _));
  const absolute = ABSOLUTE.exec(written);
  if (!absolute) {
    return /^\d{4}-\d\d-\d\d/.test(text)
      ? "is not a time with its zone, such as 2026-11-30T14:00:00Z"
      : "is neither a time such as 2026-11-30T14:00:00Z nor a span such as -15m or 1h";
  }
  const atUs = absoluteUs(absolute);
  return atUs === null ? "is a time that does not exist" : { kind: "absolute", text: written, atUs };
}

function absoluteUs(parts: RegExpExecArray): number | null {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts
    .slice(1, 7)
    .map((part: string | undefined) => Number(part ?? 0));
  const midnight = new Date(Date.UTC(2000, month - 1, day));
  midnight.setUTCFullYear(year, month - 1, day);
  if (midnight.getUTCDate() !== day || midnight.getUTCMonth() !== month - 1 || year < 1) return null;
  if (hour > 23 || minute > 59 || second > 59) return null;
  const zone = parts[8] ?? "Z";
  let offsetMinutes = 0;
  if (!/z/i.test(zone)) {
    const [hours = 0, minutes = 0] = zone.slice(1).split(":").map(Number);
    if (hours > 23 || minutes > 59) return null;
    offsetMinutes = (zone.startsWith("-") ? -1 : 1) * (hours * 60 + minutes);
  }
  const seconds = midnight.getTime() / 1000 + hour * 3600 + (minute - offsetMinutes) * 60 + second;
  // Below a microsecond is dropped, as the server does.
  return seconds * 1e6 + Number((parts[7] ?? "").slice(0, 6).padEnd(6, "0"));
}

/** Return the moment in microseconds since 1970; `now` is in milliseconds. */
export function momentUs(moment: Moment, now: number): number {
  return moment.kind === "absolute" ? moment.atUs : Math.round(now * 1000) + moment.offsetUs;
}

export function timestampOf(us: number): Timestamp {
  const seconds = Math.floor(us / 1e6);
  return create(TimestampSchema, { seconds: BigInt(seconds), nanos: Math.round(us - seconds * 1e6) * 1000 });
}

/** Return a time in microseconds since 1970. Exact until the year 2255, and nearly so afterwards. */
export function us(time: Timestamp | undefined): number | null {
  return time === undefined ? null : Number(time.seconds) * 1e6 + Math.floor(time.nanos / 1000);
}

/** Return a span of a relative moment in words: "15 min", "1 h 30 min", "2 d". */
export function spanWords(offsetUs: number): string {
  const parts: string[] = [];
  let left = Math.abs(offsetUs);
  for (const [size, word] of [
    [86_400e6, "d"],
    [3600e6, "h"],
    [60e6, "min"],
    [1e6, "s"],
  ] as const) {
    const count = Math.floor(left / size);
    if (count > 0) parts.push(`${String(count)} ${word}`);
    left -= count * size;
  }
  return parts.join(" ") || "0 s";
}
