// The time that counts in a row: what comes next, or what was last. In words that count, and absolute.
import { type Callback, CallbackState } from "ringback/v1/callback_pb.js";

import { ms, span } from "./times.js";

export interface RowTime {
  /** Before and after the span: "due", "ago". */
  before: string;
  after: string;
  /** Since when or until when; null where no time is told. */
  at: number | null;
}

const S = CallbackState;

export function rowTime(callback: Callback): RowTime {
  const last = callback.attempts.at(-1);
  switch (callback.state) {
    case S.SCHEDULED:
      return { before: "in", after: "", at: ms(callback.nextAttemptTime) };
    case S.QUEUED:
      return { before: "due", after: "ago", at: ms(callback.nextAttemptTime ?? callback.queueTime) };
    case S.OFFERED:
      return { before: "offered", after: "", at: ms(callback.updateTime) };
    case S.DIALING:
      return last?.ringTime
        ? { before: "ringing", after: "", at: ms(last.ringTime) }
        : { before: "dialling", after: "", at: ms(last?.startTime) };
    case S.CONNECTED:
      return { before: "talking", after: "", at: ms(last?.answerTime) };
    case S.CANCELLING:
      return { before: "hanging up", after: "", at: ms(callback.cancelTime) };
    case S.COMPLETED:
    case S.FAILED:
    case S.CANCELLED:
    case S.EXPIRED:
      return { before: "ended", after: "ago", at: ms(callback.endTime) };
    default:
      return { before: "changed", after: "ago", at: ms(callback.updateTime) };
  }
}

/** "due 4:12 ago", "in 9:03", "now". A time that is to come and has passed is "now": the server has not said more yet. */
export function countedTime({ before, after, at }: RowTime, now: number): string {
  if (at === null) return "";
  if (before === "in") return at - now < 1000 ? "now" : `in ${span(at - now)}`;
  return [before, span(Math.max(now - at, 0)), after].filter(Boolean).join(" ");
}
