// Why a callback is where it is, in a few words: from itself and its service's queue. What neither says is left out.
import { type Attempt, type Callback, CallbackState, CallOutcome, Priority } from "ringback/v1/callback_pb.js";
import { type GetQueueResponse, QueueState, type Service } from "ringback/v1/directory_service_pb.js";

import type { GlyphName } from "../parts/glyph.js";
import { clockTime, ms, span } from "./times.js";
import { outcomeWord, type Tone } from "./words.js";
import { isolated } from "./isolated.js";

export interface Why {
  text: string;
  tone: Tone;
  glyph?: GlyphName;
}

export interface Around {
  service?: Service | undefined;
  queue?: GetQueueResponse | undefined;
  /** How many are in front of it, where the server has said so. */
  ahead?: number | undefined;
  now: number;
  /** Of the reader. */
  zone: string;
}

const S = CallbackState;
const O = CallOutcome;
const NEVER_RETRIED: ReadonlySet<CallOutcome> = new Set([O.INVALID_NUMBER, O.BLOCKED, O.NOT_AUTHORIZED]);

export function why(callback: Callback, around: Around): Why {
  switch (callback.state) {
    case S.SCHEDULED:
      return scheduled(callback, around);
    case S.QUEUED:
      return queued(callback, around);
    case S.OFFERED:
    case S.DIALING:
      return plain(dialer(callback));
    case S.CONNECTED:
      return plain([agent(callback.attempts.at(-1)), dialer(callback)].filter(Boolean).join(", "));
    case S.CANCELLING:
    case S.CANCELLED:
      return plain(callback.cancelReason ? `cancelled: ${callback.cancelReason}` : "cancelled");
    case S.COMPLETED:
      return plain(completed(callback.attempts.at(-1)));
    case S.FAILED:
      return failed(callback);
    case S.EXPIRED: {
      const expired = ms(callback.expireTime);
      return plain(expired === null ? "expired" : `not connected by ${clockTime(expired, around.now, around.zone)}`);
    }
    default:
      return plain("");
  }
}

function scheduled(callback: Callback, around: Around): Why {
  const closed = closedUntil(callback, around);
  if (closed !== null) return plain(closed);
  const last = callback.attempts.at(-1);
  if (!last) return plain("not due");
  switch (last.outcome) {
    case O.INTERRUPTED:
      return plain(last.dialerId ? `retry; dialer ${isolated(last.dialerId)} was lost` : "retry; the dialer was lost");
    case O.ABANDONED:
      return plain("retry; no agent was there");
    default:
      return plain(`retry after ${words(last.outcome)}`);
  }
}

/** The service's own zone counts where its hours are meant. */
function closedUntil(callback: Callback, { service, queue, now, zone }: Around): string | null {
  const next = ms(callback.nextAttemptTime);
  const opens = ms(queue?.nextOpenTime);
  if (queue?.state !== QueueState.CLOSED || next === null || opens === null || next !== opens) return null;
  return `closed, opens ${clockTime(opens, now, service?.timeZone || zone)}`;
}

function queued(callback: Callback, { queue, service, ahead, now, zone }: Around): Why {
  const time = (at: ReturnType<typeof ms>, of = zone) => (at === null ? "" : clockTime(at, now, of));
  switch (queue?.state) {
    case QueueState.NO_DIALER: {
      const since = time(ms(queue.noDialerSince));
      return { text: since ? `no dialer since ${since}` : "no dialer", tone: "warn", glyph: "warn" };
    }
    case QueueState.PAUSED:
      return { text: "service paused", tone: "warn", glyph: "pause" };
    case QueueState.DIALING_OFF:
      return { text: "dialling is off", tone: "warn", glyph: "off" };
    case QueueState.AGENTS_DO_NOT_ANSWER: {
      const until = time(ms(queue.agentsRestUntil));
      return { text: `agents do not answer${until ? `, rests until ${until}` : ""}`, tone: "warn", glyph: "warn" };
    }
    case QueueState.CLOSED: {
      const opens = time(ms(queue.nextOpenTime), service?.timeZone || zone);
      return plain(opens ? `closed, opens ${opens}` : "closed");
    }
    default:
  }
  if (ahead !== undefined && ahead > 0) return plain(ahead === 1 ? "behind 1 other" : `behind ${ahead} others`);
  if (queue && queue.capacity > 0 && queue.inProgress >= queue.capacity) {
    return plain(`no free slot, ${queue.inProgress} of ${queue.capacity} in use`);
  }
  if (ahead === 0) return plain("next in turn");
  return plain(
    callback.callbackRequest?.priority === Priority.NOTHING_ELSE ? "when nobody else waits" : "waits for its turn",
  );
}

function completed(last: Attempt | undefined): string {
  if (!last) return "";
  const [answered, ended] = [ms(last.answerTime), ms(last.endTime)];
  const parts = [answered === null ? words(last.outcome) : "answered"];
  if (answered !== null && ended !== null) parts.push(`talked ${span(ended - answered)}`);
  if (last.outcome === O.INTERRUPTED) parts.push("dialer was lost");
  if (last.disposition) parts.push(isolated(last.disposition));
  return parts.join(", ");
}

function failed(callback: Callback): Why {
  const last = callback.attempts.at(-1);
  if (!last) return plain("");
  const status = last.sipStatus ? String(last.sipStatus) : "";
  if (last.outcome === O.BLOCKED && !status)
    return plain(last.detail ? `dial rule: ${isolated(last.detail)}` : "blocked");
  if (last.outcome === O.NOT_AUTHORIZED) {
    return { text: `${status || words(last.outcome)}: check the trunk login`, tone: "bad" };
  }
  const what = status || words(last.outcome);
  if (NEVER_RETRIED.has(last.outcome)) return plain(`${what}, not retried`);
  const retries = callback.callbackRequest?.maxRetries;
  return plain(retries !== undefined && callback.attemptCount > retries ? `${what}, retries used up` : what);
}

function agent(attempt: Attempt | undefined): string {
  return attempt?.agent ? `agent ${isolated(attempt.agent)}` : "";
}

function dialer(callback: Callback): string {
  const id = callback.leasedBy || callback.attempts.at(-1)?.dialerId;
  return id ? `dialer ${isolated(id)}` : "";
}

function words(outcome: CallOutcome): string {
  return outcomeWord(outcome).toLowerCase().replaceAll("_", " ");
}

function plain(text: string): Why {
  return { text, tone: "" };
}
