// What somebody types into the search field: turned into values of the address, with words for what will be meant.
import { CallbackState, Priority } from "ringback/v1/callback_pb.js";

import { UUID, numberOf } from "./filter.js";
import { readMoment, spanWords } from "./moments.js";
import { escaped, escapedLabel } from "./query-values.js";
import { ENDED_STATES, OPEN_STATES } from "./states.js";

/** A value for the address, and what it means. `value` has its escapes. */
export interface Found {
  param: string;
  value: string;
  /** "number +44 7700 900118", "caller crm". */
  means: string;
  /** It takes the place of another value of the parameter. */
  single: boolean;
  /** Why it cannot be meant so. */
  fault?: string;
}

/** A service by which people may call it. */
export interface KnownService {
  serviceId: string;
  sipAddress: string;
  displayName: string;
}

const STATE_WORDS: Record<string, string[]> = {
  open: OPEN_STATES.map((state) => CallbackState[state]),
  ended: ENDED_STATES.map((state) => CallbackState[state]),
  waiting: ["SCHEDULED", "QUEUED"],
  dialling: ["DIALING"],
  canceled: ["CANCELLED"],
  canceling: ["CANCELLING"],
};
const PARAMS: Record<string, string> = {
  state: "state",
  service: "service",
  priority: "priority",
  caller: "caller",
  supervisor: "supervisor",
  label: "label",
  target: "target",
  number: "target",
  task: "task",
  id: "id",
};
const NUMBER_LENGTH = 7;

/** Read what was typed; words stand beside each other, and quotation marks keep blanks in one. */
export function readSearch(text: string, services: readonly KnownService[]): Found[] {
  const typed = text.trim();
  if (typed === "") return [];
  if (isNumber(typed)) return [target(typed)];
  const service = serviceOf(typed, services);
  if (service) return [service];
  return joinNumbers(wordsOf(typed)).map((word) => readWord(word, services));
}

/** Split at blanks outside of quotation marks. */
function wordsOf(text: string): string[] {
  return [...text.matchAll(/(?:"[^"]*"?|[^\s"])+/g)].map(([word]) => word);
}

/** Join what are parts of one number, such as "+44 7700 900118" before other words. */
function joinNumbers(words: string[]): string[] {
  const joined: string[] = [];
  for (const word of words) {
    const before = joined.at(-1);
    const together = `${before ?? ""} ${word}`;
    if (before !== undefined && numberOf(word) !== null && /^[+(\d]/.test(before) && numberOf(together) !== null) {
      joined[joined.length - 1] = together;
    } else joined.push(word);
  }
  return joined;
}

function readWord(word: string, services: readonly KnownService[]): Found {
  const bound = /^(due|ended)([<>])=?(.*)$/i.exec(word);
  if (bound) return moment(bound[1] ?? "", bound[2] ?? "", bound[3] ?? "");
  const named = /^([a-z]+):(.*)$/is.exec(word);
  const name = (named?.[1] ?? "").toLowerCase();
  if (named && Object.hasOwn(PARAMS, name)) return field(PARAMS[name] ?? "", unquoted(named[2] ?? ""), services);
  const plain = unquoted(word);
  const states = statesOf(plain);
  if (states) return states;
  if (UUID.test(plain))
    return { param: "id", value: plain.toLowerCase(), means: `the callback ${plain}`, single: false };
  const service = serviceOf(plain, services);
  if (service) return service;
  if (/^(tel|sips?):./i.test(plain) || isNumber(plain)) return target(plain);
  return task(plain);
}

function field(param: string, text: string, services: readonly KnownService[]): Found {
  switch (param) {
    case "state":
      return (
        statesOf(text) ?? { param, value: escaped(text), means: `state ${text}`, single: false, fault: "is no state" }
      );
    case "service":
      return (
        serviceOf(text, services) ?? {
          param,
          value: escaped(text),
          means: `service ${text}`,
          single: false,
          ...unknownService(text),
        }
      );
    case "priority":
      return priority(text);
    case "label": {
      const at = text.indexOf("=");
      if (at < 1)
        return { param, value: escaped(text), means: `label ${text}`, single: false, fault: "is not key=value" };
      const value = escapedLabel(text.slice(0, at), text.slice(at + 1));
      return { param, value, means: `label ${text}`, single: false };
    }
    case "target":
      return target(text);
    case "task":
      return task(text);
    case "id":
      return UUID.test(text)
        ? { param, value: text.toLowerCase(), means: `the callback ${text}`, single: false }
        : { param, value: escaped(text), means: `id ${text}`, single: false, fault: "is not a UUID" };
    default:
      return { param, value: escaped(text), means: `${param} ${text || "none"}`, single: false };
  }
}

function moment(what: string, sign: string, text: string): Found {
  const param = `${what.toLowerCase()}_${sign === "<" ? "before" : "after"}`;
  const read = readMoment(text);
  const found = { param, value: text, single: true };
  if (typeof read === "string")
    return { ...found, means: `${what}${sign}${text}`, fault: text ? read : "needs a time, such as 1h or -15m" };
  if (read.kind === "absolute") return { ...found, means: `${what} ${sign === "<" ? "before" : "after"} ${read.text}` };
  const span = spanWords(read.offsetUs);
  const when = read.offsetUs < 0 ? `${span} ago` : `${span} from now`;
  return { ...found, means: `${what} ${sign === "<" ? "before" : "after"} ${when}` };
}

function statesOf(text: string): Found | null {
  const word = text.toLowerCase();
  const name = text.toUpperCase();
  const known = Object.hasOwn(CallbackState, name) && name !== "UNSPECIFIED" && /^[A-Z]+$/.test(name);
  const states = Object.hasOwn(STATE_WORDS, word) ? STATE_WORDS[word] : known ? [name] : undefined;
  if (!states) return null;
  return { param: "state", value: states.join(","), means: `state ${states.join(" or ")}`, single: true };
}

function priority(text: string): Found {
  const name = text.toUpperCase().replaceAll(/[ -]/g, "_");
  const full = name === "STRICT" ? "STRICT_PRIORITY" : name;
  const found = { param: "priority", value: escaped(full), means: `priority ${full}`, single: false };
  return Object.hasOwn(Priority, full) && full !== "UNSPECIFIED" ? found : { ...found, fault: "is no priority" };
}

function serviceOf(text: string, services: readonly KnownService[]): Found | null {
  const name = text.toLowerCase();
  const service = services.find(
    ({ serviceId, sipAddress, displayName }) =>
      name !== "" && [serviceId, sipAddress.toLowerCase(), displayName.toLowerCase()].includes(name),
  );
  if (!service) return null;
  const value = escaped(service.sipAddress || service.serviceId);
  return { param: "service", value, means: `service ${service.displayName || service.sipAddress}`, single: false };
}

function unknownService(text: string): { fault?: string } {
  return UUID.test(text) || /^sips?:./i.test(text) ? {} : { fault: "is the name of no service" };
}

function target(text: string): Found {
  const number = numberOf(text);
  const address = /^(tel|sips?):./i.test(text);
  const value = escaped(number ?? text.trim());
  const found = {
    param: "target",
    value,
    means: `${address ? "target" : "number"} ${number ?? text.trim()}`,
    single: true,
  };
  return number !== null || address ? found : { ...found, fault: "is neither a number nor a sip: or tel: address" };
}

function task(text: string): Found {
  return { param: "task", value: escaped(text), means: `external task id ${text}`, single: false };
}

/** What begins like a number, or has as many digits as one; "48213" is rather a task. */
function isNumber(text: string): boolean {
  const number = numberOf(text);
  return number !== null && (/^\s*\(?\s*(\+|00)/.test(text) || number.length >= NUMBER_LENGTH);
}

function unquoted(text: string): string {
  return text.replace(/^"([^"]*)"?$/, "$1");
}
