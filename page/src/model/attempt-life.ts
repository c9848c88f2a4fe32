// One attempt as the timeline shows it: its phases on the scale of its callback, its times, and its end in words.

import { type Attempt, CallOutcome } from "ringback/v1/callback_pb.js";
import { measured } from "./plain-spans.js";
import { q850Words, sipStatusWords } from "./sip-words.js";
import { ms } from "./times.js";
import { isolated } from "./isolated.js";

export interface Phase {
  kind: "setup" | "ring" | "talk";
  /** How long it took, or has taken so far. */
  ms: number;
  /** Of the longest attempt of the callback: 0 to 1. */
  share: number;
}

/** What is said of an attempt: "rang 8.4 s". A fact without a value is a sentence of its own. */
export interface Fact {
  label: string;
  value: string;
}

export interface AttemptLife {
  number: number;
  outcome: CallOutcome;
  running: boolean;
  phases: Phase[];
  facts: Fact[];
  /** "486 Busy Here, Q.850 17 user busy, by sip-1". */
  how: string;
  agent: string;
  disposition: string;
  detail: string;
  callIds: string[];
}

interface Times {
  offer: number | null;
  start: number;
  ring: number | null;
  answer: number | null;
  end: number;
  running: boolean;
}

function timesOf(attempt: Attempt, now: number): Times {
  const end = ms(attempt.endTime);
  const start = ms(attempt.startTime) ?? end ?? now;
  return {
    offer: ms(attempt.offerTime),
    start,
    ring: ms(attempt.ringTime),
    answer: ms(attempt.answerTime),
    // A clock that was set back must not make a span negative.
    end: Math.max(start, end ?? now),
    running: end === null,
  };
}

/** Return how long the longest of the attempts took: the scale on which all of them are drawn. At least 1 ms. */
export function longestOf(attempts: readonly Attempt[], now: number): number {
  return attempts.reduce((longest, attempt) => {
    const times = timesOf(attempt, now);
    return Math.max(longest, times.end - times.start);
  }, 1);
}

/** Return one attempt in words and as shares of `longest`, as it is at `now`. */
export function attemptLife(
  attempt: Attempt,
  now: number,
  longest: number,
  clock: (at: number) => string,
): AttemptLife {
  const times = timesOf(attempt, now);
  return {
    number: attempt.number,
    outcome: attempt.outcome,
    running: times.running,
    phases: phasesOf(times, longest),
    facts: factsOf(attempt, times, clock),
    how: howOf(attempt),
    agent: attempt.agent,
    disposition: attempt.disposition,
    detail: attempt.detail,
    callIds: attempt.callIds,
  };
}

function phasesOf({ start, ring, answer, end }: Times, longest: number): Phase[] {
  const phase = (kind: Phase["kind"], from: number, to: number): Phase => {
    const length = Math.max(0, to - from);
    return { kind, ms: length, share: Math.min(1, length / longest) };
  };
  const phases = [phase("setup", start, ring ?? answer ?? end)];
  if (ring !== null) phases.push(phase("ring", ring, answer ?? end));
  if (answer !== null) phases.push(phase("talk", answer, end));
  return phases;
}

/** Return whether nothing was dialled: the dial rules were looked at again and refused the target. */
export function wasNotDialled(attempt: Attempt): boolean {
  return (
    attempt.outcome === CallOutcome.BLOCKED &&
    attempt.ringTime === undefined &&
    attempt.answerTime === undefined &&
    attempt.sipStatus === 0 &&
    ms(attempt.startTime) === ms(attempt.endTime)
  );
}

function factsOf(attempt: Attempt, times: Times, clock: (at: number) => string): Fact[] {
  const { offer, start, ring, answer, end, running } = times;
  if (wasNotDialled(attempt)) return [{ label: "not dialled", value: "" }];
  const facts: Fact[] = [];
  if (offer !== null) facts.push({ label: "offered", value: measured(start - offer) });
  facts.push({
    label: running && ring === null && answer === null ? "setting up" : "set-up",
    value: measured((ring ?? answer ?? end) - start),
  });
  if (ring !== null) {
    facts.push({ label: running && answer === null ? "ringing" : "rang", value: measured((answer ?? end) - ring) });
  } else if (answer === null && !running) {
    facts.push({ label: "did not ring", value: "" });
  }
  if (answer !== null) {
    facts.push({ label: "answered at", value: clock(answer) });
    facts.push({ label: running ? "talking" : "hung up after", value: measured(end - answer) });
  }
  return facts;
}

function howOf(attempt: Attempt): string {
  const dialer = attempt.dialerId === "" ? "" : `by ${isolated(attempt.dialerId)}`;
  return [sipStatusWords(attempt.sipStatus), q850Words(attempt.q850Cause), dialer].filter(Boolean).join(", ");
}
