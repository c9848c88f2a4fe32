// Whether a callback is selected by a filter: exactly as the server decides it (`CallbackFilter` of callback.proto).
import { type Callback, type CallbackFilter, type CallbackRequest } from "ringback/v1/callback_pb.js";
import { us } from "./moments.js";

/** What the server looks up when it uses a filter. */
export interface Lookups {
  /** The ids of the services that `service_sips` name. */
  idsOfSips: readonly string[];
  /** The normal form of the filter's `dial_target`; null while only the server has it. */
  target: string | null;
  /** The caller id that is meant by an external task without one. */
  ownCaller: string;
}

export const NO_LOOKUPS: Lookups = { idsOfSips: [], target: null, ownCaller: "" };

/** `undecided`: all but the target matches, and the normal form of that is not known here. */
export type Verdict = "selected" | "not" | "undecided";
export type Judge = (callback: Callback) => Verdict;

/** Return a function that tells whether a callback is selected: made once, used for thousands. */
export function judgeOf(filter: CallbackFilter, lookups: Lookups = NO_LOOKUPS): Judge {
  const states = new Set(filter.states);
  const priorities = new Set(filter.priorities);
  const callers = new Set(filter.callerIds);
  const supervisors = new Set(filter.supervisors);
  const tasks = new Set(filter.externalTaskIds);
  const services = new Set([...filter.serviceIds, ...lookups.idsOfSips].map((id) => id.toLowerCase()));
  const anyService = filter.serviceIds.length === 0 && filter.serviceSips.length === 0;
  const labels = Object.entries(filter.labels);
  const keys = keysOf(filter, lookups.ownCaller);
  const bounds = boundsOf(filter);
  return (callback) => {
    const request = callback.callbackRequest;
    const selected =
      (states.size === 0 || states.has(callback.state)) &&
      (anyService || services.has(callback.serviceId)) &&
      (callers.size === 0 || callers.has(request?.callerId ?? "")) &&
      (priorities.size === 0 || (request !== undefined && priorities.has(request.priority))) &&
      (supervisors.size === 0 || supervisors.has(request?.supervisor ?? "")) &&
      (tasks.size === 0 || tasks.has(request?.externalTaskId ?? "")) &&
      labels.every(([key, value]) => hasLabel(request, key, value)) &&
      bounds(callback) &&
      (keys === null || keys(callback, request));
    if (!selected) return "not";
    if (filter.dialTarget === "" || callback.dialTarget === (lookups.target ?? filter.dialTarget)) return "selected";
    // A target without its number is erased or masked: nobody finds it by a number.
    return lookups.target !== null || callback.dialTarget === "" || callback.dialTarget.includes("*")
      ? "not"
      : "undecided";
  };
}

/** Whether a callback is selected, as far as it can be told without the server. */
export function matches(callback: Callback, filter: CallbackFilter, lookups: Lookups = NO_LOOKUPS): boolean {
  return judgeOf(filter, lookups)(callback) === "selected";
}

function boundsOf(filter: CallbackFilter): (callback: Callback) => boolean {
  const dueAfter = us(filter.dueAfter);
  const dueBefore = us(filter.dueBefore);
  const endAfter = us(filter.endAfter);
  const endBefore = us(filter.endBefore);
  const due = dueAfter !== null || dueBefore !== null;
  const end = endAfter !== null || endBefore !== null;
  return (callback) =>
    (!due || within(us(callback.dueTime), dueAfter, dueBefore)) &&
    (!end || within(us(callback.endTime), endAfter, endBefore));
}

/** The lower bound is inclusive, the upper one exclusive; what has no time is not within. */
function within(time: number | null, from: number | null, to: number | null): boolean {
  return time !== null && (from === null || time >= from) && (to === null || time < to);
}

function hasLabel(request: CallbackRequest | undefined, key: string, value: string): boolean {
  return request !== undefined && Object.hasOwn(request.labels, key) && request.labels[key] === value;
}

function keysOf(
  filter: CallbackFilter,
  ownCaller: string,
): ((callback: Callback, request: CallbackRequest | undefined) => boolean) | null {
  if (filter.keys.length === 0) return null;
  const ids = new Set<string>();
  const tasks = new Set<string>();
  for (const { key } of filter.keys) {
    if (key.case === "callbackId") ids.add(key.value.toLowerCase());
    else if (key.case === "externalTask")
      tasks.add(JSON.stringify([key.value.callerId || ownCaller, key.value.externalTaskId]));
  }
  return (callback, request) =>
    ids.has(callback.callbackId) ||
    (tasks.size > 0 &&
      request !== undefined &&
      request.externalTaskId !== "" &&
      tasks.has(JSON.stringify([request.callerId, request.externalTaskId])));
}
