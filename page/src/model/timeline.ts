// The whole life of one callback as entries in the order in which they happened. Pure: from the callback, from its
// events as far as the server keeps them, and from a time. What the two do not say is left out.

import { type Attempt, type Callback, CallbackState } from "ringback/v1/callback_pb.js";
import { CallbackEventType } from "ringback/v1/callbacks_service_pb.js";
import { attemptLife, longestOf } from "./attempt-life.js";
import type { Entry, History, Telling } from "./entries.js";
import { endWords, plannedAttempts, requestWords } from "./life-words.js";
import { gapOf } from "./retry-gap.js";
import { pastEvents, waitBefore } from "./past-events.js";
import { span, ms } from "./times.js";
import { outcomeGlyph, outcomeWord, stateGlyph, stateWord } from "./words.js";
import { isolated } from "./isolated.js";
import { isOpen } from "./states.js";

/** Return the entries of a callback's life, the oldest first. */
export function lifeOf(callback: Callback, history: History, telling: Telling): Entry[] {
  const past = [
    ...created(callback, history, telling),
    ...pastEvents(callback, history, telling),
    ...attempts(callback, history, telling),
    ...ended(callback, history, telling),
    ...removed(history),
  ];
  // What happened at the same moment stays in the order of the lines above: a queue comes before its attempt.
  const inOrder = past.map((entry, index) => ({ entry, index }));
  inOrder.sort((a, b) => (a.entry.at ?? 0) - (b.entry.at ?? 0) || a.index - b.index);
  const told = inOrder.map(({ entry }) => entry);
  if (isRemoved(history)) return told;
  return [...told, ...current(callback, history, telling), ...toCome(callback, telling)];
}

/** Return what is missing in front, as a sentence; "" where nothing is. */
export function missingWords(history: History): string {
  if (history.complete) return "";
  return history.events.length === 0
    ? "The server keeps no changes of this callback any more. Attempts, and when it was created and ended, are complete."
    : "Earlier changes are kept no longer. Attempts, and when it was created, are complete.";
}

function created(callback: Callback, history: History, telling: Telling): Entry[] {
  const at = ms(callback.createTime);
  if (at === null) return [];
  const first = history.complete ? history.events[0]?.callback : undefined;
  const caller = callback.callbackRequest?.callerId ?? "";
  const text = [caller === "" ? "" : `by ${caller}`, first === undefined ? "" : requestWords(first, telling)];
  return [{ key: "created", place: "past", at, glyph: "plus", title: "Created", text: text.filter(Boolean).join(" ") }];
}

function attempts(callback: Callback, history: History, telling: Telling): Entry[] {
  const longest = longestOf(callback.attempts, telling.now);
  const entries: Entry[] = [];
  for (const [index, attempt] of callback.attempts.entries()) {
    const life = attemptLife(attempt, telling.now, longest, (at) => telling.clock(at));
    const running = life.running && isOpen(callback.state);
    entries.push({
      key: `attempt-${String(attempt.number)}`,
      place: running ? "now" : "past",
      at: ms(attempt.startTime),
      glyph: running ? stateGlyph(callback.state) : outcomeGlyph(attempt.outcome),
      title: `Attempt ${String(attempt.number)}: ${attemptWord(callback, attempt, running)}`,
      text: life.how,
      attempt: life,
    });
    const next = callback.attempts[index + 1];
    if (attempt.endTime !== undefined && (next !== undefined || isWaiting(callback))) {
      entries.push(gap(attempt, next, history, telling));
    }
  }
  return entries;
}

function attemptWord(callback: Callback, attempt: Attempt, running: boolean): string {
  if (!running) return attempt.endTime === undefined ? "no end is known" : outcomeWord(attempt.outcome);
  switch (callback.state) {
    case CallbackState.DIALING:
      return attempt.ringTime === undefined ? "DIALING" : "DIALING, it rings";
    default:
      return stateWord(callback.state);
  }
}

function gap(attempt: Attempt, next: Attempt | undefined, history: History, telling: Telling): Entry {
  const wait = next === undefined ? null : waitBefore(next, history);
  const { length, words } = gapOf(attempt, next, history, telling);
  return {
    key: `gap-${String(attempt.number)}`,
    place: "gap",
    at: ms(attempt.endTime),
    length,
    glyph: null,
    title: "",
    text: wait === null ? words : `${words} Waited ${span(wait)} in the queue.`,
  };
}

function ended(callback: Callback, history: History, telling: Telling): Entry[] {
  const at = ms(callback.endTime);
  if (at === null || isOpen(callback.state)) return [];
  const text = [cancelledBy(callback, history), endWords(callback, telling)].filter(Boolean).join(", ");
  return [
    {
      key: "ended",
      place: "past",
      at,
      glyph: stateGlyph(callback.state),
      title: stateWord(callback.state),
      text,
    },
  ];
}

/** Return "by ops" for what a cancel ended at once. A cancel that came while it was dialled has an entry of its own. */
function cancelledBy(callback: Callback, history: History): string {
  if (callback.state !== CallbackState.CANCELLED || ms(callback.cancelTime) !== ms(callback.endTime)) return "";
  const event = history.events.find((one) => one.callback?.state === CallbackState.CANCELLED);
  return event === undefined || event.identity === "" ? "" : `by ${isolated(event.identity)}`;
}

function isRemoved(history: History): boolean {
  return history.events.at(-1)?.type === CallbackEventType.REMOVED;
}

/** Return the entry of a callback that is kept no longer. One that was erased has no target any more. */
function removed(history: History): Entry[] {
  const last = history.events.at(-1);
  if (last?.type !== CallbackEventType.REMOVED) return [];
  const erased = last.callback?.dialTarget === "";
  return [
    {
      key: "removed",
      place: "past",
      at: ms(last.eventTime),
      glyph: "off",
      title: erased ? "Erased" : "Removed",
      text: erased
        ? "everything about its target was deleted; only ids, times and the state are left"
        : "the server keeps it no longer, or you may not read it any more",
    },
  ];
}

// --- Now, and what is to come ------------------------------------------------------------------------------------

function isWaiting(callback: Callback): boolean {
  return isOpen(callback.state) && callback.attempts.at(-1)?.endTime !== undefined;
}

/** Return the entry of the state of now. A running attempt is that entry itself. */
function current(callback: Callback, history: History, telling: Telling): Entry[] {
  const { state } = callback;
  if (!isOpen(state) || hasRunningAttempt(callback)) return [];
  const number = callback.attempts.length + 1;
  const planned = plannedAttempts(callback);
  const which = `attempt ${String(number)}${number > 1 && number === planned ? ", the last" : ""}`;
  const next = ms(callback.nextAttemptTime);
  const entry = { key: "now", place: "now" as const, glyph: stateGlyph(state) };
  switch (state) {
    case CallbackState.SCHEDULED:
      return [{ ...entry, at: next, title: `Scheduled for ${which}`, text: next === null ? "" : until(next, telling) }];
    case CallbackState.QUEUED: {
      const due = next ?? ms(callback.queueTime);
      const text = due === null ? "" : `due ${span(Math.max(0, telling.now - due))} ago`;
      return [{ ...entry, at: ms(callback.queueTime) ?? next, title: `Queued for ${which}`, text }];
    }
    case CallbackState.OFFERED: {
      const at = offeredAt(callback, history);
      const text = `${span(Math.max(0, telling.now - at))} ago; nobody's phone is ringing yet`;
      const dialer = callback.leasedBy === "" ? "a dialer" : isolated(callback.leasedBy);
      return [{ ...entry, at, title: `Offered to ${dialer} for ${which}`, text }];
    }
    default:
      return [
        {
          ...entry,
          at: ms(callback.updateTime),
          title: stateWord(state),
          text: "a state that this page does not have: the server is newer",
        },
      ];
  }
}

function hasRunningAttempt(callback: Callback): boolean {
  const last = callback.attempts.at(-1);
  return last !== undefined && last.endTime === undefined;
}

function offeredAt(callback: Callback, history: History): number {
  const offer = history.events.findLast(
    (event) =>
      event.type === CallbackEventType.UPDATED &&
      event.callback?.state === CallbackState.OFFERED &&
      event.previousState === CallbackState.QUEUED,
  );
  return ms(offer?.eventTime) ?? ms(callback.updateTime) ?? 0;
}

function until(at: number, telling: Telling): string {
  return at > telling.now ? `in ${span(at - telling.now)}` : `due ${span(telling.now - at)} ago`;
}

function toCome(callback: Callback, telling: Telling): Entry[] {
  const at = ms(callback.expireTime);
  if (at === null || !isOpen(callback.state) || callback.state === CallbackState.CONNECTED) return [];
  const text =
    at > telling.now
      ? `in ${span(at - telling.now)}, if nobody has answered by then`
      : hasRunningAttempt(callback)
        ? `${span(telling.now - at)} ago: the running attempt may finish`
        : `${span(telling.now - at)} ago`;
  return [{ key: "expires", place: "future", at, glyph: stateGlyph(CallbackState.EXPIRED), title: "Expires", text }];
}
