// Sentences of a callback's life: what was requested, and why it has ended.

import { type Attempt, type Callback, CallbackState, CallOutcome } from "ringback/v1/callback_pb.js";
import { wasNotDialled } from "./attempt-life.js";
import { type Writing } from "./changes.js";
import { plainSpan } from "./plain-spans.js";
import { ms } from "./times.js";
import { outcomeWord } from "./words.js";
import { isolated } from "./isolated.js";

/** Outcomes that are not retried unless the service has a rule of its own, as callback.proto says. */
const PERMANENT: ReadonlySet<CallOutcome> = new Set([
  CallOutcome.INVALID_NUMBER,
  CallOutcome.BLOCKED,
  CallOutcome.NOT_AUTHORIZED,
]);

/** Return how many attempts there are at most; null where that is not known. */
export function plannedAttempts(callback: Callback): number | null {
  const retries = callback.callbackRequest?.maxRetries;
  return retries === undefined ? null : retries + 1;
}

/** Return "for 13:05:00, up to 4 attempts, at least 10 min apart". */
export function requestWords(callback: Callback, writing: Writing): string {
  const due = ms(callback.callbackRequest?.dueDate);
  const parts = [due === null ? "for now" : `for ${writing.clock(due)}`];
  const attempts = plannedAttempts(callback);
  if (attempts === 1) parts.push("1 attempt");
  if (attempts !== null && attempts > 1) {
    const apart = callback.callbackRequest?.secondsBetweenRetries;
    parts.push(`up to ${String(attempts)} attempts`);
    if (apart !== undefined)
      parts.push(apart === 0 ? "at once after each other" : `at least ${plainSpan(apart * 1000)} apart`);
  }
  return parts.join(", ");
}

/** Return why a callback has ended. */
export function endWords(callback: Callback, writing: Writing): string {
  const last = callback.attempts.at(-1);
  // Erased: how it came to its end is not known any more.
  if (callback.callbackRequest === undefined) return "";
  switch (callback.state) {
    case CallbackState.COMPLETED:
      return completed(callback, last);
    case CallbackState.FAILED:
      return failed(callback, last);
    case CallbackState.CANCELLED:
      return cancelled(callback);
    case CallbackState.EXPIRED:
      return expired(callback, writing);
    default:
      return "";
  }
}

/** Return the reason of a cancel in quotation marks. */
export function reasonWords(callback: Callback): string {
  return callback.cancelReason === "" ? "no reason was given" : `“${isolated(callback.cancelReason)}”`;
}

function attemptsWords(count: number): string {
  return count === 0 ? "before any attempt" : `after ${String(count)} ${count === 1 ? "attempt" : "attempts"}`;
}

/** The reason of a cancel that came while it was dialled is told with the request to cancel. */
function cancelled(callback: Callback): string {
  const when = attemptsWords(callback.attempts.length);
  return ms(callback.cancelTime) === ms(callback.endTime) ? `${when}: ${reasonWords(callback)}` : when;
}

function completed(callback: Callback, last: Attempt | undefined): string {
  if (last?.outcome === CallOutcome.INTERRUPTED) {
    return "the target had answered when the dialer was lost, and is not dialled again";
  }
  if (callback.cancelTime !== undefined) return "the target answered before the cancel reached the dialer";
  return "the target was reached";
}

function failed(callback: Callback, last: Attempt | undefined): string {
  if (last === undefined) return "before any attempt";
  if (wasNotDialled(last)) return "a rule does not let this target be dialled";
  const retries = callback.callbackRequest?.maxRetries;
  if (retries !== undefined && callback.attempts.length > retries) {
    if (retries === 0) return "no retry was asked for";
    return retries === 1 ? "the 1 retry is used" : `all ${String(retries)} retries are used`;
  }
  const outcome = outcomeWord(last.outcome);
  // How many retries the service permits, and after which outcomes, may have been changed since.
  return PERMANENT.has(last.outcome)
    ? `${outcome} is not retried`
    : `the service permits no further attempt after ${outcome}`;
}

function expired(callback: Callback, writing: Writing): string {
  const end = ms(callback.endTime);
  const expires = ms(callback.expireTime);
  if (end === null || expires === null) return "";
  return end < expires
    ? `the next attempt could only have begun after ${writing.clock(expires)}, when it expires`
    : `${attemptsWords(callback.attempts.length)}, the target was not reached until ${writing.clock(expires)}`;
}
