// What an act says before it is done, for every state: how things stand, what happens, and what cannot be undone.
// A pure table. Whether an act is possible is said here as domain/lifecycle.py has it; the server decides.

import { type Callback, CallbackState } from "ringback/v1/callback_pb.js";

import type { Writing } from "../model/changes.js";
import { ms } from "../model/times.js";
import { counted, stateWord } from "../model/words.js";
import { isolated } from "../model/isolated.js";

export type Act = "cancel" | "reschedule" | "change";

export interface Sentence {
  /** False: the button is off, and `now` says why. */
  possible: boolean;
  now: string;
  happens: string;
  /** What cannot be undone, or how it can. */
  final: string;
  /** What becomes of the act when the state changes before the button is pressed; "" where nothing else would. */
  meanwhile: string;
}

/** What is known of a callback's place in its queue: 0 where it is not. */
export interface Place {
  position: number;
}

const S = CallbackState;
const KNOWN: ReadonlySet<unknown> = new Set(Object.values(S));
const ENDED: ReadonlySet<CallbackState> = new Set([S.COMPLETED, S.FAILED, S.CANCELLED, S.EXPIRED]);
const WAITING: ReadonlySet<CallbackState> = new Set([S.SCHEDULED, S.QUEUED]);

/** Return whether whom, when and how often to dial can still be changed. */
export function planIsOpen(state: CallbackState): boolean {
  // Of a state that this page does not have, the server says what can be changed.
  return WAITING.has(state) || stateIsUnknown(state);
}

/** Return what an act on a callback says in the state that it is in. */
export function sentence(act: Act, callback: Callback, place: Place, writing: Writing): Sentence {
  const now = stands(callback, place, writing);
  if (ENDED.has(callback.state)) return impossible(`${now} It changes no more.`);
  if (stateIsUnknown(callback.state)) {
    return { possible: true, now, happens: "The server says whether this is possible.", final: "", meanwhile: "" };
  }
  return { now, ...SENTENCES[act](callback, now) };
}

function impossible(now: string): Sentence {
  return { possible: false, now, happens: "", final: "", meanwhile: "" };
}

function stateIsUnknown(state: CallbackState): boolean {
  return state === S.UNSPECIFIED || !KNOWN.has(state);
}

// --- How it stands -----------------------------------------------------------------------------------------------

function stands(callback: Callback, place: Place, writing: Writing): string {
  const { state } = callback;
  const dialer = callback.leasedBy === "" ? "a dialer" : isolated(callback.leasedBy);
  switch (state) {
    case S.SCHEDULED: {
      const next = ms(callback.nextAttemptTime);
      return `It is SCHEDULED${next === null ? "" : ` for ${writing.clock(next)}`}; nobody's phone is ringing.`;
    }
    case S.QUEUED:
      return `It is QUEUED${place.position > 0 ? ` at position ${String(place.position)}` : ""}; nobody's phone is ringing.`;
    case S.OFFERED:
      return `It is OFFERED to ${dialer}: an agent may be looking at it, and nobody's phone is ringing.`;
    case S.DIALING:
      return `It is DIALING, by ${dialer}: the phone may be ringing.`;
    case S.CONNECTED:
      return `It is CONNECTED, by ${dialer}: the target has answered.`;
    case S.CANCELLING:
      return `It is CANCELLING: ${dialer} is to hang up.`;
    default: {
      const end = ms(callback.endTime);
      if (ENDED.has(state)) return `It ended as ${stateWord(state)}${end === null ? "" : ` at ${writing.clock(end)}`}.`;
      return `It is ${stateWord(state)}, a state that this page does not have.`;
    }
  }
}

// --- What happens ------------------------------------------------------------------------------------------------

type Effect = Omit<Sentence, "now"> & Partial<Pick<Sentence, "now">>;

const SENTENCES: Readonly<Record<Act, (callback: Callback, now: string) => Effect>> = {
  cancel: (callback, now) => {
    switch (callback.state) {
      case S.CONNECTED:
        return impossible(`${now} It is too late to cancel.`);
      case S.CANCELLING:
        return impossible(`${now} It has been cancelled already.`);
      case S.DIALING:
        return {
          possible: true,
          happens:
            "It becomes CANCELLING, and the dialer is told to hang up. " +
            `It ends as CANCELLED, or as COMPLETED when the target answers first.${kept(callback)}`,
          final: "This cannot be undone.",
          meanwhile: "Should the target answer while you read this, nothing is cancelled.",
        };
      default:
        return {
          possible: true,
          happens: `It ends as CANCELLED at once${offered(callback)}.${kept(callback)}${told(callback)}`,
          final: "This cannot be undone.",
          meanwhile: "Should it begin to dial while you read this, it becomes CANCELLING and the dialer hangs up.",
        };
    }
  },
  reschedule: (callback, now) => {
    if (!WAITING.has(callback.state)) return impossible(`${now} ${tooLate(callback.state)}`);
    return {
      possible: true,
      happens:
        callback.state === S.QUEUED
          ? `With a new due date it gets the place of that time; a new priority keeps its time.${counts(callback)}`
          : `It waits for the new time, or for the first opening after it.${counts(callback)}`,
      final: "It can be moved again for as long as it waits.",
      meanwhile: "Should it begin to dial while you read this, nothing is changed.",
    };
  },
  change: (callback) => {
    if (WAITING.has(callback.state)) {
      return {
        possible: true,
        happens: `What you change counts from now on.${counts(callback)}`,
        final: "It can be changed again for as long as it waits.",
        meanwhile: "Should it begin to dial while you read this, only what the agent reads can still be changed.",
      };
    }
    return {
      possible: true,
      happens: "Only what the agent reads can change now. The dialer gets it with its next report.",
      final: "It can be changed again until the callback has ended.",
      meanwhile: "Should it end while you read this, nothing is changed.",
    };
  },
};

function offered(callback: Callback): string {
  return callback.state === S.OFFERED ? ", and the offer is withdrawn" : "";
}

function kept({ attempts }: Callback): string {
  if (attempts.length === 0) return "";
  return ` Its ${counted(attempts.length, "attempt")} ${attempts.length === 1 ? "stays" : "stay"} on record.`;
}

function told(callback: Callback): string {
  const caller = callback.callbackRequest?.callerId ?? "";
  return caller === "" ? "" : ` If ${caller} watches, it is told.`;
}

function counts({ attempts }: Callback): string {
  if (attempts.length === 0) return "";
  return ` The ${counted(attempts.length, "attempt")} made so far ${attempts.length === 1 ? "keeps" : "keep"} counting.`;
}

function tooLate(state: CallbackState): string {
  return state === S.CONNECTED || state === S.CANCELLING
    ? "It is too late to change when it is dialled."
    : "A dialer has it: it is too late to change when it is dialled, unless it comes back.";
}

/** Return what every act says of a callback that was removed while its dialog was open. */
export function goneSentence(): Sentence {
  return impossible("It is gone: the server keeps it no longer, or you may not read it any more.");
}
