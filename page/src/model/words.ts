// The words and glyphs of states, outcomes and priorities. States and outcomes are written as the API spells them, so
// that what is read here can be searched for in logs and code. What a newer server may say has a word, too.
import { CallbackState, CallOutcome, Priority } from "ringback/v1/callback_pb.js";
import { QueueState } from "ringback/v1/directory_service_pb.js";

import type { GlyphName } from "../parts/glyph.js";

/** Where colour is spent: what happens now, what somebody should look at, what went wrong. */
export type Tone = "live" | "warn" | "bad" | "on" | "";

export interface Look {
  word: string;
  glyph: GlyphName;
  tone: Tone;
}

const STATES = new Map<CallbackState, [GlyphName, Tone]>([
  [CallbackState.SCHEDULED, ["s-scheduled", ""]],
  [CallbackState.QUEUED, ["s-queued", "on"]],
  [CallbackState.OFFERED, ["s-offered", "live"]],
  [CallbackState.DIALING, ["s-dialing", "live"]],
  [CallbackState.CONNECTED, ["s-connected", "live"]],
  [CallbackState.CANCELLING, ["s-cancelling", "warn"]],
  [CallbackState.COMPLETED, ["s-completed", ""]],
  [CallbackState.FAILED, ["s-failed", "bad"]],
  [CallbackState.CANCELLED, ["s-cancelled", ""]],
  [CallbackState.EXPIRED, ["s-expired", "bad"]],
]);

const OUTCOMES = new Map<CallOutcome, [GlyphName, Tone]>([
  [CallOutcome.UNSPECIFIED, ["s-dialing", "live"]],
  [CallOutcome.ANSWERED, ["o-answered", ""]],
  [CallOutcome.BUSY, ["o-busy", ""]],
  [CallOutcome.NO_ANSWER, ["o-noans", ""]],
  [CallOutcome.UNREACHABLE, ["o-unreach", ""]],
  [CallOutcome.DECLINED, ["o-declined", ""]],
  [CallOutcome.NETWORK_FAILURE, ["o-net", ""]],
  [CallOutcome.MACHINE, ["o-machine", ""]],
  [CallOutcome.ABANDONED, ["o-aband", ""]],
  [CallOutcome.INTERRUPTED, ["o-interr", ""]],
  [CallOutcome.INVALID_NUMBER, ["o-invalid", "bad"]],
  [CallOutcome.BLOCKED, ["o-blocked", "bad"]],
  [CallOutcome.NOT_AUTHORIZED, ["o-noauth", "bad"]],
]);

const QUEUES = new Map<QueueState, [string, GlyphName, Tone]>([
  [QueueState.NO_DIALER, ["No dialer", "warn", "warn"]],
  [QueueState.PAUSED, ["Paused", "pause", "warn"]],
  [QueueState.DIALING_OFF, ["Dialling off", "off", "warn"]],
  [QueueState.AGENTS_DO_NOT_ANSWER, ["Agents do not answer", "warn", "warn"]],
  [QueueState.BEHIND, ["Behind", "warn", "warn"]],
  [QueueState.CLOSED, ["Closed", "moon", ""]],
  [QueueState.OPEN, ["Open", "open", "on"]],
]);

const PRIORITIES = new Map<Priority, string>([
  [Priority.STRICT_PRIORITY, "Strict"],
  [Priority.HIGHEST, "Highest"],
  [Priority.VERY_HIGH, "Very high"],
  [Priority.HIGH, "High"],
  [Priority.NORMAL, "Normal"],
  [Priority.LOW, "Low"],
  [Priority.VERY_LOW, "Very low"],
  [Priority.LOWEST, "Lowest"],
  [Priority.NOTHING_ELSE, "Nothing else"],
]);

export function stateLook(state: CallbackState): Look {
  const [glyph, tone] = STATES.get(state) ?? ["unknown", ""];
  return { word: stateWord(state), glyph, tone };
}

export function outcomeLook(outcome: CallOutcome): Look {
  const [glyph, tone] = OUTCOMES.get(outcome) ?? ["unknown", ""];
  return { word: outcomeWord(outcome), glyph, tone };
}

export function queueLook(state: QueueState): Look {
  const [word, glyph, tone] = QUEUES.get(state) ?? [`State ${state}`, "unknown", ""];
  return { word, glyph, tone };
}

/** "QUEUED"; a state that is newer than this page has its number. */
export function stateWord(state: CallbackState): string {
  return nameIn(CallbackState, state) ?? `STATE_${state}`;
}

export function stateGlyph(state: CallbackState): GlyphName {
  return stateLook(state).glyph;
}

/** "NO_ANSWER"; "RUNNING" for an attempt without an outcome yet. */
export function outcomeWord(outcome: CallOutcome): string {
  if (outcome === CallOutcome.UNSPECIFIED) return "RUNNING";
  return nameIn(CallOutcome, outcome) ?? `OUTCOME_${outcome}`;
}

export function outcomeGlyph(outcome: CallOutcome): GlyphName {
  return outcomeLook(outcome).glyph;
}

/** "Very high". */
export function priorityWord(priority: Priority): string {
  return PRIORITIES.get(priority) ?? `Priority ${priority}`;
}

/** `1 callback`, `2 callbacks`, `1,204 callbacks`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${withCommas(count)} ${count === 1 ? one : many}`;
}

const COMMAS = new Intl.NumberFormat("en-GB");

export function withCommas(count: number): string {
  return COMMAS.format(count);
}

function nameIn(names: Record<number, string | number>, value: number): string | undefined {
  const name = names[value];
  return typeof name === "string" ? name : undefined;
}
