// Moments as a person types them: a date and a time in one zone, without an offset.

const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(zone: string): Intl.DateTimeFormat {
  let format = formats.get(zone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat("en-GB", {
      timeZone: zone,
      calendar: "iso8601",
      numberingSystem: "latn",
      hourCycle: "h23",
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
    });
    formats.set(zone, format);
  }
  return format;
}

/** Return a moment as the value of an input of type datetime-local: "2026-11-30T14:00:05". */
export function toLocal(at: number, zone: string): string {
  const parts = Object.fromEntries(
    formatOf(zone)
      .formatToParts(at)
      .map(({ type, value }) => [type, value]),
  );
  const { year = "", month = "", day = "", hour = "", minute = "", second = "" } = parts;
  return `${year.padStart(4, "0")}-${month}-${day}T${hour}:${minute}:${second}`;
}

/** Return what the wall clock of `zone` shows at `at`, as if it were UTC. */
export function wallClock(at: number, zone: string): number {
  return Date.parse(`${toLocal(at, zone)}Z`) + (((at % 1000) + 1000) % 1000);
}

/** What a typed time stands for: a moment, or what is wrong with it. */
export type Typed = { at: number } | { fault: string };

const LOCAL = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,3}))?)?$/;
const HOUR = 3_600_000;

/**
 * Return the moment of a local time. Of a time that exists twice, when daylight saving ends, the earlier one; a time
 * that a zone skips is a fault, since nobody can tell which one is meant.
 */
export function fromLocal(text: string, zone: string): Typed {
  const found = LOCAL.exec(text.trim());
  if (found === null) return { fault: "is not a date and time" };
  const [year = 0, month = 1, day, hour, minute, second] = found.slice(1, 7).map((part) => Number(part || 0));
  const asUtc = Date.UTC(year, month - 1, day, hour, minute, second);
  const wanted = new Date(asUtc).toISOString().slice(0, 19);
  if (wanted !== `${text.trim().slice(0, 16)}:${(found[6] ?? "00").slice(0, 2)}`) {
    return { fault: "is no day or time of the calendar" };
  }
  // The offsets around the time, the earliest moment first: zones change by less than a day.
  const offsets = [-24 * HOUR, 24 * HOUR].map((shift) => wallClock(asUtc + shift, zone) - asUtc - shift);
  const candidates = offsets.map((offset) => asUtc - offset).sort((a, b) => a - b);
  const at = candidates.find((moment) => toLocal(moment, zone) === wanted);
  return at === undefined ? { fault: `does not exist in ${zone}: clocks skip it` } : { at };
}
