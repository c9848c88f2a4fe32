// The figures of today and of the last hour. They are kept while the page is open, whichever view is shown, since what
// has come as events is known by five minutes.
import { computed, type ReadonlySignal } from "@preact/signals";

import { onAnew } from "../live/callbacks.js";
import { now, serverNow, zone } from "../live/clock.js";
import { whenBegun } from "../live/connection.js";
import type { Step } from "../model/chart.js";
import { halfHourOf } from "../model/half-hours.js";
import { attemptsByService, countFrom, dayBegin, LastHour, type Today, todayOf } from "../model/today.js";
import { OutcomesFeed } from "../outcomes/feed.js";

export const HOUR_MS = 3_600_000;

let hour: LastHour | null = null;
let isStarted = false;
const feed = new OutcomesFeed({
  from: (at) => countFrom(at, zone),
  serviceIds: [],
  onEnding: (ending) => hour?.add(ending),
});

/** Begin, if that has not been done yet. */
export function startToday(): void {
  if (isStarted) return;
  isStarted = true;
  // Not before: until then the server's clock is not known.
  void whenBegun().then(() => {
    hour = new LastHour(serverNow());
    // What happened in between is known by the half hour only.
    onAnew(() => (hour = new LastHour(serverNow())));
    feed.start();
  });
}

/** The time by ten seconds: for words that do not tick, and may be in a thousand rows. */
export const roughNow: ReadonlySignal<number> = computed(() => Math.floor(now.value / 10_000) * 10_000);

const halfHour = computed(() => halfHourOf(now.value));
const dayOfNow = computed(() => dayBegin(halfHour.value, zone));

/** When today has begun. */
export const todayBegin: ReadonlySignal<number> = dayOfNow;

/** Today's ends by service id; null until they have been counted. */
export const today: ReadonlySignal<ReadonlyMap<string, Today> | null> = computed(() => {
  const tally = feed.tally.value;
  return tally === null || feed.version.value < 0 ? null : todayOf(tally, dayOfNow.value);
});

export const todayRefusal = feed.refusal;

const minute = computed(() => Math.floor(now.value / 60_000));

export interface LastHours {
  from: number;
  to: number;
  stepsOf: (serviceId: string) => Step[];
}

/** The attempts of the last hour; null until they have been counted. Changes when there are more, and each minute. */
export const lastHours: ReadonlySignal<LastHours | null> = computed(() => {
  const tally = feed.tally.value;
  if (tally === null || hour === null || feed.version.value < 0 || minute.value < 0) return null;
  const [at, shown] = [now.peek(), hour];
  shown.forget(at);
  const attempts = attemptsByService(tally, halfHourOf(at - HOUR_MS));
  const none = new Map<number, number>();
  return {
    from: at - HOUR_MS,
    to: at,
    stepsOf: (serviceId) => shown.stepsOf(serviceId, attempts.get(serviceId) ?? none, at),
  };
});
