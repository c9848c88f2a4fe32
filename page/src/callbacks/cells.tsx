// The cells of a row that change by themselves: with time, and with the queue of the service.
import { computed } from "@preact/signals";
import type { JSX } from "preact";
import type { Callback } from "ringback/v1/callback_pb.js";

import { now, zone } from "../live/clock.js";
import { queues } from "../live/queues.js";
import { countedTime, rowTime } from "../model/row-time.js";
import { clockTime, fullTime, isoTime } from "../model/times.js";
import { why } from "../model/why.js";
import { Glyph } from "../parts/glyph.js";
import { heldAt } from "./list.js";
import { aheadOf } from "./position.js";

/** The moment by which the list is told: it stands still while the list is held. */
export const listNow = computed(() => heldAt.value ?? now.value);

/** Read once a second: only this text is written then. */
export function CountedTime({ callback }: { callback: Callback }): JSX.Element {
  return <span class="counted">{countedTime(rowTime(callback), listNow.value)}</span>;
}

/** As often as it may become another day. */
const minute = computed(() => listNow.value - (listNow.value % 60_000));

export function AbsoluteTime({ callback }: { callback: Callback }): JSX.Element | null {
  const { at } = rowTime(callback);
  if (at === null) return null;
  return (
    <time class="sub absolute" dateTime={isoTime(at)} title={fullTime(at, zone)}>
      {clockTime(at, minute.value, zone)}
    </time>
  );
}

export function WhyCell({ callback, gone }: { callback: Callback; gone: "" | "left" | "removed" }): JSX.Element {
  if (gone) return <>{gone === "left" ? "has left this filter" : "is kept no more"}</>;
  const { service, queue } = queues.value.get(callback.serviceId) ?? {};
  const ahead = aheadOf(callback);
  const { text, tone, glyph } = why(callback, { service, queue, ahead, now: minute.value, zone });
  return (
    <span class={`why-text ${tone}`} title={text}>
      {glyph && <Glyph name={glyph} />}
      {glyph && " "}
      {text}
    </span>
  );
}
