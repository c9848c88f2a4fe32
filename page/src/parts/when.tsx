// Moments: relative and absolute to the second, in the zone that the header names.
import type { JSX } from "preact";

import { now, zone } from "../live/clock.js";
import { clockTime, fullTime, isoTime, relative, span } from "../model/times.js";

/** "in 6:41 · 14:13:03". `only` one of the two. */
export function When({ at, only }: { at: number; only?: "relative" | "absolute" }): JSX.Element {
  const absolute = clockTime(at, now.value, zone);
  const away = relative(at, now.value);
  const text = only === "absolute" || !away ? absolute : only === "relative" ? away : `${away} · ${absolute}`;
  return (
    <time dateTime={isoTime(at)} title={fullTime(at, zone)}>
      {text}
    </time>
  );
}

/** How long ago, counting up: "6:41". */
export function Since({ at }: { at: number }): JSX.Element {
  return (
    <time dateTime={isoTime(at)} title={fullTime(at, zone)}>
      {span(Math.max(now.value - at, 0))}
    </time>
  );
}
