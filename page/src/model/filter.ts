// The filter of the list, as the address has it. What is unknown or malformed is kept, with the reason.
import { create } from "@bufbuild/protobuf";
import {
  type CallbackFilter,
  CallbackFilterSchema,
  CallbackKeySchema,
  CallbackState,
  Priority,
} from "ringback/v1/callback_pb.js";
import { type Moment, momentUs, readMoment, spanWords, timestampOf } from "./moments.js";
import { type Order, isOrder } from "./order.js";
import { rawValues, splitEscaped, unescaped } from "./query-values.js";

const MAX_VALUES = 1000;
const MAX_LABELS = 16;
const MAX_TEXT = 128;
const MAX_URI = 255;
// C0, DEL and C1, as the server has them.
// eslint-disable-next-line no-control-regex
const CONTROL = /[\x00-\x1f\x7f-\x9f]/;
const CALLER = /^[A-Za-z0-9 +._@/-]*$/;
export const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** One value of the filter. `value` is as the address has it, escapes included. */
export interface Token {
  param: string;
  value: string;
  /** What it is about, and what it says: "label", "campaign=autumn". */
  label: string;
  text: string;
  moment?: Moment;
}

/** A value that is not applied, and why. */
export interface Struck {
  param: string;
  value: string;
  reason: string;
}

export interface Parsed {
  /** Relative times as of the `now` that was given. */
  filter: CallbackFilter;
  tokens: Token[];
  struck: Struck[];
  order: Order;
  /** The id of the selected callback, or "". */
  selected: string;
  /** Some of its times are relative: it selects others as time goes on. */
  rolls: boolean;
}

type Read = (text: string, filter: CallbackFilter, raw: string) => Pick<Token, "label" | "text" | "moment"> | string;

const MOMENTS = {
  due_before: "dueBefore",
  due_after: "dueAfter",
  ended_before: "endBefore",
  ended_after: "endAfter",
} as const;
export type MomentParam = keyof typeof MOMENTS;

const READ: Record<string, Read> = {
  state: (text, filter) => {
    const state = enumValue(CallbackState, text);
    if (!state) return "is no state";
    filter.states.push(state);
    return { label: "state", text: CallbackState[state] };
  },
  service: (text, filter) => {
    if (UUID.test(text)) filter.serviceIds.push(text.toLowerCase());
    else if (/^sips?:./i.test(text)) {
      const fault = textFault(text, MAX_URI);
      if (fault) return fault;
      filter.serviceSips.push(text);
    } else return "is neither a SIP address nor a UUID";
    return { label: "service", text };
  },
  priority: (text, filter) => {
    const priority = enumValue(Priority, text.toUpperCase() === "STRICT" ? "STRICT_PRIORITY" : text);
    if (!priority) return "is no priority";
    filter.priorities.push(priority);
    return { label: "priority", text: Priority[priority] };
  },
  caller: (text, filter) => {
    const fault = textFault(text, MAX_TEXT);
    if (fault) return fault;
    if (!CALLER.test(text)) return "may have letters, digits, blanks and + . - _ @ / only";
    filter.callerIds.push(text);
    return { label: "caller", text: text || "none" };
  },
  supervisor: (text, filter) => {
    const fault = textFault(text, MAX_TEXT);
    if (fault) return fault;
    filter.supervisors.push(text);
    return { label: "supervisor", text: text || "none" };
  },
  label: (_, filter, raw) => {
    const parts = splitEscaped(raw, "=", 2);
    if (parts.length < 2) return "is not key=value";
    const [key = "", value = ""] = parts.map(unescaped);
    if (!key) return "has no key";
    if (Object.hasOwn(filter.labels, key)) return "is a second value of one label; no callback has both";
    if (Object.keys(filter.labels).length >= MAX_LABELS) return `is one more than ${String(MAX_LABELS)}`;
    // A plain assignment would not keep "__proto__".
    Object.defineProperty(filter.labels, key, { value, enumerable: true, writable: true, configurable: true });
    return { label: "label", text: `${key}=${value}` };
  },
  target: (text, filter) => {
    if (filter.dialTarget) return "is a second target; a filter has one";
    const target = targetOf(text);
    if (target === null) return "is neither a number nor a sip: or tel: address";
    const fault = textFault(target, MAX_URI);
    if (fault) return fault;
    filter.dialTarget = target;
    return { label: "target", text: target.replace(/^tel:/, "") };
  },
  task: (text, filter) => {
    if (!text) return "is empty";
    const fault = textFault(text, MAX_TEXT);
    if (fault) return fault;
    filter.externalTaskIds.push(text);
    return { label: "task", text };
  },
  id: (text, filter) => {
    if (!UUID.test(text)) return "is not a UUID";
    const callbackId = text.toLowerCase();
    filter.keys.push(create(CallbackKeySchema, { key: { case: "callbackId", value: callbackId } }));
    return { label: "id", text: callbackId };
  },
};

/** Read the query of the address; `now` is in milliseconds. */
export function parseFilter(query: URLSearchParams, now: number): Parsed {
  const filter = create(CallbackFilterSchema);
  const parsed: Parsed = { filter, tokens: [], struck: [], order: "next", selected: "", rolls: false };
  for (const param of new Set(query.keys())) {
    if (Object.hasOwn(READ, param)) readList(param, query, parsed);
    else readSingle(param, query, parsed, now);
  }
  return parsed;
}

/** Return the filter with its relative times as of another `now`, each later by `aheadMs` where it is an upper bound. */
export function filterAt({ filter, tokens }: Parsed, now: number, aheadMs = 0): CallbackFilter {
  const moved = { ...filter };
  for (const { param, moment } of tokens) {
    if (moment?.kind !== "relative" || !Object.hasOwn(MOMENTS, param)) continue;
    const ahead = param.endsWith("_before") ? aheadMs : 0;
    moved[MOMENTS[param as MomentParam]] = timestampOf(momentUs(moment, now + ahead));
  }
  return moved;
}

function readList(param: string, query: URLSearchParams, { filter, tokens, struck }: Parsed): void {
  rawValues(query, param).forEach((raw, index) => {
    const text = param === "label" ? raw : unescaped(raw);
    const read =
      index < MAX_VALUES ? READ[param]?.(text, filter, raw) : `is one more than ${String(MAX_VALUES)} values`;
    if (typeof read === "string") struck.push({ param, value: raw, reason: read });
    else if (read) tokens.push({ param, value: raw, ...read });
  });
}

function readSingle(param: string, query: URLSearchParams, parsed: Parsed, now: number): void {
  const [value = "", ...more] = query.getAll(param);
  for (const second of more) parsed.struck.push({ param, value: second, reason: "is given a second time" });
  const reason = setSingle(param, value, parsed, now);
  if (reason) parsed.struck.push({ param, value, reason });
}

function setSingle(param: string, value: string, parsed: Parsed, now: number): string | null {
  if (param === "sort") {
    if (!isOrder(value)) return "is no order";
    parsed.order = value;
  } else if (param === "sel") {
    if (!UUID.test(value)) return "is not a UUID";
    parsed.selected = value.toLowerCase();
  } else if (Object.hasOwn(MOMENTS, param)) {
    const moment = readMoment(value);
    if (typeof moment === "string") return moment;
    const bound = momentUs(moment, now);
    // The years of a protobuf timestamp.
    if (bound < -62_135_596_800e6 || bound >= 253_402_300_800e6) return "is not between the years 1 and 9999";
    parsed.filter[MOMENTS[param as MomentParam]] = timestampOf(bound);
    parsed.tokens.push({ param, value, moment, ...momentWords(param as MomentParam, moment) });
    parsed.rolls ||= moment.kind === "relative";
  } else return "is no filter of this page";
  return null;
}

function momentWords(param: MomentParam, moment: Moment): { label: string; text: string } {
  const [what = "", side = ""] = param.split("_");
  if (moment.kind === "absolute") return { label: `${what} ${side}`, text: moment.text };
  const span = spanWords(moment.offsetUs);
  const past = moment.offsetUs < 0;
  if (moment.offsetUs === 0) return { label: what, text: side === "before" ? "before now" : "from now on" };
  if (what === "ended" && past) {
    return { label: what, text: side === "after" ? `in the last ${span}` : `more than ${span} ago` };
  }
  if (side === "before") return { label: what, text: past ? `more than ${span} ago` : `within ${span}` };
  return { label: what, text: past ? `at most ${span} ago, or later` : `in ${span} or later` };
}

/** Return a number in any spelling, or an address, as a target of the API; null where it is neither. */
export function targetOf(text: string): string | null {
  // A plus sign that was not escaped arrives as a blank.
  const written = /^ \d/.test(text) ? `+${text.slice(1)}` : text.trim();
  if (/^(tel|sips?):./i.test(written)) return written;
  const number = numberOf(written);
  return number === null ? null : `tel:${number}`;
}

/** Return the digits of a telephone number that people have written, with "+" where it is a global one. */
export function numberOf(text: string): string | null {
  if (!/^\s*(?:\+|\(\s*\+)?[\d\s().\-/\u00a0\u2010-\u2015]+$/u.test(text)) return null;
  const digits = text.replace(/\D/g, "");
  if (digits.length < 2) return null;
  // "+41 (0)78" has a trunk prefix that nobody dials from abroad; the server takes it out.
  return text.includes("+") ? `+${digits}` : digits.startsWith("00") ? `+${digits.slice(2)}` : digits;
}

function textFault(text: string, atMost: number): string | null {
  if (CONTROL.test(text)) return "has a control character";
  return Array.from(text).length > atMost ? `is longer than ${String(atMost)} characters` : null;
}

/** Return the value of an enum that has a name, in any case; UNSPECIFIED is none. */
function enumValue<E extends number>(names: Readonly<Record<string, string | E>>, text: string): E | null {
  const name = text.toUpperCase().replaceAll(/[ -]/g, "_");
  const value = Object.hasOwn(names, name) ? names[name] : undefined;
  return typeof value === "number" && value !== 0 ? value : null;
}
