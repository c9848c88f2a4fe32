// Times and durations in words. Pure: now and the zone are passed in.
import type { Duration, Timestamp } from "@bufbuild/protobuf/wkt";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Milliseconds since 1970; null for a time that is unset. */
export function ms(time: Timestamp | undefined): number | null {
  return time ? Number(time.seconds) * SECOND + Math.floor(time.nanos / 1e6) : null;
}

/** Milliseconds of a duration; null for one that is unset. */
export function durationMs(duration: Duration | undefined): number | null {
  return duration ? Number(duration.seconds) * SECOND + Math.trunc(duration.nanos / 1e6) : null;
}

/** What `ms` reads, for requests. */
export function timestampOf(at: number): { seconds: bigint; nanos: number } {
  const seconds = Math.floor(at / SECOND);
  return { seconds: BigInt(seconds), nanos: Math.round((at - seconds * SECOND) * 1e6) };
}

/** "6:41" below an hour, "1 h 12 min" below a day, "3 d 4 h" beyond; never rounded up. The sign is left out. */
export function span(duration: number): string {
  const whole = Math.floor(Math.abs(duration) / SECOND) * SECOND;
  if (whole < HOUR) return `${Math.floor(whole / MINUTE)}:${twoDigits(Math.floor((whole % MINUTE) / SECOND))}`;
  if (whole < DAY) return `${Math.floor(whole / HOUR)} h ${Math.floor((whole % HOUR) / MINUTE)} min`;
  return `${Math.floor(whole / DAY)} d ${Math.floor((whole % DAY) / HOUR)} h`;
}

/** "in 6:41", "6:41 ago"; beyond a day the date alone says more, so it is "". */
export function relative(at: number, now: number): string {
  const away = at - now;
  if (Math.abs(away) >= DAY) return "";
  return away >= SECOND ? `in ${span(away)}` : `${span(away)} ago`;
}

/** "14:06:22" today, "28 Nov 14:06:22" on another day, "28 Nov 2025 14:06:22" in another year. */
export function clockTime(at: number, now: number, zone: string): string {
  const time = timeOfDay(at, zone);
  const day = date(at, now, zone);
  return day ? `${day} ${time}` : time;
}

/** "14:06:22". */
export function timeOfDay(at: number, zone: string): string {
  return valid(at) ? formatOf("time", zone).format(at) : "—";
}

/** "28 Nov", "28 Nov 2025" in another year than now's, and "" for today. */
export function date(at: number, now: number, zone: string): string {
  if (!valid(at)) return "";
  const day = formatOf("day", zone);
  const [thatDay, today] = [day.format(at), day.format(now)];
  if (thatDay === today) return "";
  return formatOf(thatDay.slice(-4) === today.slice(-4) ? "short" : "long", zone).format(at);
}

/** Everything about a moment, for titles: "Mon, 30 November 2026, 14:06:22 (Europe/Zurich)". */
export function fullTime(at: number, zone: string): string {
  return valid(at) ? `${formatOf("full", zone).format(at)}, ${timeOfDay(at, zone)} (${zone})` : "—";
}

/** For the attribute `datetime`. */
export function isoTime(at: number): string {
  return valid(at) ? new Date(at).toISOString() : "";
}

/** What is shown of a zone: the city of "Europe/Zurich". */
export function zoneCity(zone: string): string {
  return (zone.split("/").at(-1) ?? zone).replaceAll("_", " ");
}

const FORMATS = {
  time: { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" },
  day: { day: "2-digit", month: "2-digit", year: "numeric" },
  short: { day: "numeric", month: "short" },
  long: { day: "numeric", month: "short", year: "numeric" },
  full: { weekday: "short", day: "numeric", month: "long", year: "numeric" },
} satisfies Record<string, Intl.DateTimeFormatOptions>;

// To make a format costs a hundred times what it costs to use it.
const made = new Map<string, Intl.DateTimeFormat>();

function formatOf(name: keyof typeof FORMATS, zone: string): Intl.DateTimeFormat {
  const key = `${name} ${zone}`;
  let format = made.get(key);
  if (!format) made.set(key, (format = new Intl.DateTimeFormat("en-GB", { ...FORMATS[name], timeZone: zone })));
  return format;
}

/** What a Date can be; a newer server may say times that it cannot. */
function valid(at: number): boolean {
  return Math.abs(at) <= 8.64e15;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, "0");
}
