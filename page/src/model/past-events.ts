// What the events of a callback tell that the callback itself does not: waits, offers that were given back, changes.

import { type Attempt, type Callback, CallbackState } from "ringback/v1/callback_pb.js";
import { type CallbackEvent, CallbackEventType } from "ringback/v1/callbacks_service_pb.js";
import { differences, differenceWords } from "./changes.js";
import type { Entry, History, Telling } from "./entries.js";
import { reasonWords } from "./life-words.js";
import { measured } from "./plain-spans.js";
import { ms, span } from "./times.js";
import { stateGlyph } from "./words.js";
import { isolated } from "./isolated.js";

/** One event beside the version before it. */
interface Step {
  event: CallbackEvent;
  at: number;
  before: Callback | undefined;
  after: Callback;
}

function stepsOf(history: History): Step[] {
  const steps: Step[] = [];
  let before: Callback | undefined;
  for (const event of history.events) {
    if (event.callback === undefined || event.type === CallbackEventType.REMOVED) continue;
    steps.push({ event, at: ms(event.eventTime) ?? ms(event.callback.updateTime) ?? 0, before, after: event.callback });
    before = event.callback;
  }
  return steps;
}

/** Return the entries that only events can tell, in their order. */
export function pastEvents(callback: Callback, history: History, telling: Telling): Entry[] {
  const steps = stepsOf(history);
  const entries: Entry[] = [];
  for (const [index, step] of steps.entries()) {
    const change = changed(step, telling);
    entries.push(...change);
    if (change.length === 0) entries.push(...moved(step, telling));
    entries.push(...queued(step, steps.slice(index + 1), telling), ...givenBack(step, steps, index), ...taken(step));
    entries.push(...cancelling(step));
  }
  if (!entries.some((entry) => entry.key === "cancel")) entries.push(...cancelWithoutEvent(callback));
  return entries;
}

function changed({ event, at, before, after }: Step, telling: Telling): Entry[] {
  if (before === undefined) return [];
  const found = differences(before, after, telling);
  if (found.length === 0) return [];
  const by = event.identity === "" ? "" : ` by ${isolated(event.identity)}`;
  const back = before.state === CallbackState.QUEUED && after.state === CallbackState.SCHEDULED;
  const text = found.map(differenceWords).join("; ");
  return [
    {
      key: `revision-${String(after.revision)}`,
      place: "past",
      at,
      glyph: "change",
      title: `Changed${by}`,
      text: back ? `${text}; so it left the queue` : text,
    },
  ];
}

/** Opening hours or quiet hours have moved it: its request is the same, and its next attempt is at another time. */
function moved({ at, before, after }: Step, telling: Telling): Entry[] {
  const to = ms(after.nextAttemptTime);
  const from = ms(before?.nextAttemptTime);
  const waits = [CallbackState.SCHEDULED, CallbackState.QUEUED];
  if (before === undefined || to === null || from === null || after.state !== CallbackState.SCHEDULED) return [];
  if (!waits.includes(before.state) || (from === to && before.state === after.state)) return [];
  return [
    {
      key: `revision-${String(after.revision)}`,
      place: "past",
      at,
      glyph: stateGlyph(CallbackState.SCHEDULED),
      title: "Moved to an opening",
      text:
        before.state === CallbackState.QUEUED
          ? `${telling.service} closed, or it became quiet for the target: waits until ${telling.clock(to)}`
          : `of ${telling.service}: from ${telling.clock(from)} to ${telling.clock(to)}`,
    },
  ];
}

/** The wait for the first attempt, when it is over. Later waits are told with the gap before their attempt. */
function queued({ at, before, after }: Step, later: readonly Step[], telling: Telling): Entry[] {
  const began = after.state === CallbackState.QUEUED && !stillQueued(before);
  const end = later.find((step) => step.after.state !== CallbackState.QUEUED);
  if (!began || end === undefined || after.attempts.length > 0) return [];
  const why = end.after.state === CallbackState.OFFERED ? ` for its turn in ${telling.service}` : "";
  return [
    {
      key: `queued-${String(after.revision)}`,
      place: "past",
      at,
      glyph: stateGlyph(CallbackState.QUEUED),
      title: "Due and queued",
      text: `waited ${span(Math.max(0, end.at - at))}${why}`,
    },
  ];
}

function stillQueued(before: Callback | undefined): boolean {
  return before?.state === CallbackState.QUEUED || before?.state === CallbackState.OFFERED;
}

/** Return how long a callback was QUEUED before an attempt, OFFERED in between included; null where that is not known. */
export function waitBefore(attempt: Attempt, history: History): number | null {
  const steps = stepsOf(history);
  const began = steps.find(
    ({ before, after }) =>
      after.state === CallbackState.QUEUED && !stillQueued(before) && after.attempts.length === attempt.number - 1,
  );
  const end = ms(attempt.offerTime);
  return began === undefined || end === null ? null : Math.max(0, end - began.at);
}

function givenBack({ at, before, after }: Step, steps: readonly Step[], index: number): Entry[] {
  if (before?.state !== CallbackState.OFFERED || after.state !== CallbackState.QUEUED) return [];
  const offer = steps.slice(0, index).findLast((step) => step.before?.state === CallbackState.QUEUED);
  const dialer = before.leasedBy === "" ? "a dialer" : isolated(before.leasedBy);
  const length = offer?.after.state === CallbackState.OFFERED ? ` after ${measured(at - offer.at)}` : "";
  return [
    {
      key: `back-${String(after.revision)}`,
      place: "past",
      at,
      glyph: stateGlyph(CallbackState.OFFERED),
      title: `Offered to ${dialer}, and came back${length}`,
      text: "not dialled: no attempt is used, and its place is kept",
    },
  ];
}

function taken({ at, before, after }: Step): Entry[] {
  const same = before?.attempts.length === after.attempts.length && after.attempts.length > 0;
  if (!same || before.leasedBy === "" || after.leasedBy === "" || before.leasedBy === after.leasedBy) return [];
  if (before.state === CallbackState.QUEUED || before.state === CallbackState.OFFERED) return [];
  return [
    {
      key: `taken-${String(after.revision)}`,
      place: "past",
      at,
      glyph: stateGlyph(after.state),
      title: `Taken over by ${isolated(after.leasedBy)}`,
      text: `from ${isolated(before.leasedBy)}, with the call in progress`,
    },
  ];
}

/** The request to cancel what is being dialled, with who made it. What it ended at once is told with its end. */
function cancelling({ event, at, before, after }: Step): Entry[] {
  if (before === undefined || before.cancelTime !== undefined || after.state !== CallbackState.CANCELLING) return [];
  return [cancelEntry(after, at, event.identity === "" ? "" : ` by ${isolated(event.identity)}`)];
}

function cancelWithoutEvent(callback: Callback): Entry[] {
  const at = ms(callback.cancelTime);
  return at === null || at === ms(callback.endTime) ? [] : [cancelEntry(callback, at, "")];
}

function cancelEntry(callback: Callback, at: number, by: string): Entry {
  return {
    key: "cancel",
    place: "past",
    at,
    glyph: stateGlyph(CallbackState.CANCELLING),
    title: `Cancel requested${by}`,
    text: `while it was dialled; the dialer is told to hang up: ${reasonWords(callback)}`,
  };
}
