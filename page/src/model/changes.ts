// What differs between two versions of a callback's request, in words: for the timeline, and for an act whose etag is old.

import type { Callback, CallbackRequest } from "ringback/v1/callback_pb.js";
import { plainSpan } from "./plain-spans.js";
import { ms } from "./times.js";
import { priorityWord } from "./words.js";
import { isolated } from "./isolated.js";

/** How moments and targets are written on this page. */
export interface Writing {
  clock: (at: number) => string;
  target: (target: string) => string;
}

export interface Difference {
  /** The field's path in CallbackRequest, such as "due_date" or "labels.campaign". */
  field: string;
  name: string;
  /** "" stands for: not set. */
  from: string;
  to: string;
}

type Write = (request: CallbackRequest, writing: Writing) => string;

const moment =
  (of: (request: CallbackRequest) => number | null): Write =>
  (request, writing) => {
    const at = of(request);
    return at === null ? "" : writing.clock(at);
  };

/** The fields that an update can change, in the order of the contract. Labels are compared key by key, after these. */
const FIELDS: readonly (readonly [field: string, name: string, write: Write])[] = [
  ["target", "target", (request, writing) => writing.target(request.target)],
  ["alternative_target", "alternative target", (request, writing) => writing.target(request.alternativeTarget)],
  ["max_retries", "retries", (request) => (request.maxRetries === undefined ? "" : String(request.maxRetries))],
  [
    "seconds_between_retries",
    "time between attempts",
    (request) => (request.secondsBetweenRetries === undefined ? "" : plainSpan(request.secondsBetweenRetries * 1000)),
  ],
  ["priority", "priority", (request) => priorityWord(request.priority)],
  ["context_url", "context URL", (request) => request.contextUrl],
  ["due_date", "due date", moment((request) => ms(request.dueDate))],
  ["supervisor", "supervisor", (request) => request.supervisor],
  ["description", "description", (request) => request.description],
  ["expire_time", "expire time", moment((request) => ms(request.expireTime))],
];

/** Return what an update has changed between two versions of a callback. */
export function differences(before: Callback, after: Callback, writing: Writing): Difference[] {
  const old = before.callbackRequest;
  const current = after.callbackRequest;
  if (old === undefined || current === undefined) return [];
  const found: Difference[] = [];
  for (const [field, name, write] of FIELDS) {
    const from = write(old, writing);
    const to = write(current, writing);
    if (from !== to || hides(field, old, current)) found.push({ field, name, from, to });
  }
  const keys = new Set([...Object.keys(old.labels), ...Object.keys(current.labels)]);
  for (const key of [...keys].sort()) {
    const from = labelOf(old, key);
    const to = labelOf(current, key);
    if (from !== to) found.push({ field: `labels.${key}`, name: `label ${key}`, from, to });
  }
  return found;
}

/** Return whether a target has changed although it is written the same: on a screen that masks numbers. */
function hides(field: string, old: CallbackRequest, current: CallbackRequest): boolean {
  if (field === "target") return old.target !== current.target;
  return field === "alternative_target" && old.alternativeTarget !== current.alternativeTarget;
}

function labelOf(request: CallbackRequest, key: string): string {
  // A key such as "constructor" must not find what every object has.
  const value = Object.hasOwn(request.labels, key) ? request.labels[key] : undefined;
  return value === "" ? '""' : (value ?? "");
}

/** Return "priority from Normal to High", "supervisor set to lead-2" or "label campaign removed (was winter)". */
export function differenceWords(difference: Difference): string {
  const [name, from, to] = [difference.name, difference.from, difference.to].map(isolated) as [string, string, string];
  if (from === "") return `${name} set to ${to}`;
  if (to === "") return `${name} removed (was ${from})`;
  return from === to ? `another ${name}, ${to}` : `${name} from ${from} to ${to}`;
}
