// Spans that somebody has set, such as a least time between attempts: exact, and never rounded.

const UNITS: readonly (readonly [number, string])[] = [
  [86_400_000, "day"],
  [3_600_000, "h"],
  [60_000, "min"],
  [1_000, "s"],
];

/** Return "15 min", "1 h 30 min", "2 days" or "0.5 s": every unit that is not zero. */
export function plainSpan(ms: number): string {
  let rest = Math.max(0, Math.round(ms));
  const parts: string[] = [];
  for (const [length, name] of UNITS) {
    const count = name === "s" ? rest / length : Math.floor(rest / length);
    rest -= Math.floor(rest / length) * length;
    if (count > 0) parts.push(`${String(Number(count.toFixed(3)))} ${name === "day" && count !== 1 ? "days" : name}`);
  }
  return parts.join(" ") || "0 s";
}

/** Return a measured span: "3.2 s" below a minute, then "1:22" and "1:02:03". */
export function measured(ms: number): string {
  const whole = Math.max(0, ms);
  if (whole < 59_950) return `${(whole / 1000).toFixed(1)} s`;
  const seconds = Math.floor(whole / 1000);
  const pad = (n: number): string => String(n).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  return hours > 0
    ? `${String(hours)}:${pad(minutes)}:${pad(seconds % 60)}`
    : `${String(minutes)}:${pad(seconds % 60)}`;
}

const MOMENT = /\b\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z/g;

/** Return a text of the server with each moment in it written as all others on the page are. */
export function rewriteMoments(text: string, clock: (at: number) => string): string {
  return text.replace(MOMENT, (found) => {
    const at = Date.parse(found);
    return Number.isNaN(at) ? found : clock(at);
  });
}
