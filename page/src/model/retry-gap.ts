// The time between two attempts, and which of the minima decided it.

import { type Attempt, type CallbackRequest, RetryDelayReason } from "ringback/v1/callback_pb.js";
import type { History, Telling } from "./entries.js";
import { plainSpan } from "./plain-spans.js";
import { ms, span } from "./times.js";
import { outcomeWord } from "./words.js";

/** Return how long the gap after an attempt is, and why, in words. */
export function gapOf(
  attempt: Attempt,
  next: Attempt | undefined,
  history: History,
  telling: Telling,
): { length: string; words: string } {
  const delay = spanMs(attempt);
  const words = delay === null ? "Retry gap." : `Retry gap. ${decided(attempt, delay, history, telling)}`.trim();
  if (delay !== null) return { length: lengthWords(delay), words };
  const end = ms(attempt.endTime);
  const start = ms(next?.startTime);
  return { length: end === null || start === null ? "" : span(Math.max(0, start - end)), words };
}

function spanMs(attempt: Attempt): number | null {
  const delay = attempt.retryDelay;
  return delay === undefined ? null : Number(delay.seconds) * 1000 + delay.nanos / 1e6;
}

/** Whole seconds: a delay to the next opening ends on the dot, and so has a fraction. */
function lengthWords(delay: number): string {
  return plainSpan(Math.round(delay / 1000) * 1000);
}

function decided(attempt: Attempt, delay: number, history: History, telling: Telling): string {
  const after = outcomeWord(attempt.outcome);
  const length = lengthWords(delay);
  switch (attempt.retryDelayReason) {
    case RetryDelayReason.REQUEST:
      return delay === 0 ? "The request asks for none." : `The request asks for at least ${length}.`;
    case RetryDelayReason.RETRY_RULE:
      return `${telling.service} asks for ${length} after ${after}${requested(attempt, delay, history)}.`;
    case RetryDelayReason.DIAL_RULES:
      return `The server's dial rules ask for ${length} after ${after}${requested(attempt, delay, history)}.`;
    case RetryDelayReason.RING_TIMEOUT:
      return `The dialer was lost, and the phone may have rung on for ${length}.`;
    case RetryDelayReason.CLOSED:
      return `${telling.service} was closed, or it was quiet for the target: it waited for the next opening.`;
    default:
      return "";
  }
}

/** Return what the request asked for when the attempt ended, where that is another span and is still known. */
function requested(attempt: Attempt, delay: number, history: History): string {
  const seconds = requestAtEnd(attempt, history)?.secondsBetweenRetries;
  if (seconds === undefined || seconds * 1000 === delay) return "";
  return seconds === 0 ? ", the request for none" : `, the request for ${plainSpan(seconds * 1000)}`;
}

function requestAtEnd(attempt: Attempt, history: History): CallbackRequest | undefined {
  return history.events.find(
    (event) => event.callback?.attempts.find((one) => one.number === attempt.number)?.endTime !== undefined,
  )?.callback?.callbackRequest;
}
