// The attempts of a callback as glyphs in a row, and as a sentence.
import { type Callback, CallbackState, CallOutcome } from "ringback/v1/callback_pb.js";

import type { GlyphName } from "../parts/glyph.js";
import { isOpen } from "./states.js";
import { outcomeLook, outcomeWord, stateLook, type Tone } from "./words.js";

export interface Mark {
  glyph: GlyphName;
  tone: Tone;
  title: string;
}

export interface Trace {
  first: Mark[];
  /** Left out between the two; 0: none. */
  between: number;
  last: Mark[];
  /** Hollow dots for the attempts that are left, and how many more there are without a dot. */
  dots: number;
  moreLeft: number;
  sentence: string;
}

/** More than this are shortened to the first two, "+n", and the last five. */
const MAX_MARKS = 8;
const FIRST = 2;
const LAST = 5;
const MAX_DOTS = 5;

/** `maxRetries` is what counts where the request says nothing. */
export function traceOf(callback: Callback, maxRetries: number | undefined): Trace {
  const marks = callback.attempts.map((attempt) => {
    const running = attempt.outcome === CallOutcome.UNSPECIFIED;
    const { glyph, tone } = running ? stateLook(callback.state) : outcomeLook(attempt.outcome);
    const what = running ? "in progress" : outcomeWord(attempt.outcome).toLowerCase().replaceAll("_", " ");
    return { glyph, tone, title: `attempt ${attempt.number} ${what}` };
  });
  const left = attemptsLeft(callback, maxRetries);
  const short = marks.length <= MAX_MARKS;
  const told = marks.length ? marks.map(({ title }) => title) : ["no attempt yet"];
  if (left !== null) told.push(`${left} left`);
  return {
    first: short ? marks : marks.slice(0, FIRST),
    between: short ? 0 : marks.length - FIRST - LAST,
    last: short ? [] : marks.slice(-LAST),
    dots: Math.min(left ?? 0, MAX_DOTS),
    moreLeft: Math.max((left ?? 0) - MAX_DOTS, 0),
    sentence: told.join("; "),
  };
}

/** How many attempts may follow; null where it is not known. */
export function attemptsLeft(callback: Callback, maxRetries: number | undefined): number | null {
  if (!isOpen(callback.state) || callback.state === CallbackState.CANCELLING) return 0;
  const retries = callback.callbackRequest?.maxRetries ?? maxRetries;
  return retries === undefined ? null : Math.max(1 + retries - callback.attemptCount, 0);
}
