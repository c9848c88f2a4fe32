// The fields of a request as a person types them, and the way from there to the contract. Pure.
// Only what cannot be sent is judged here: everything else is for the server, which says it for each field.

import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type CallbackRequest, CallbackRequestSchema, Priority } from "ringback/v1/callback_pb.js";

import { fromLocal, toLocal } from "../model/local-time.js";
import { ms } from "../model/times.js";

/** The fields' names are the paths of the contract; `service` is its oneof. */
export type FieldName =
  | "target"
  | "alternative_target"
  | "service"
  | "priority"
  | "due_date"
  | "expire_time"
  | "max_retries"
  | "seconds_between_retries"
  | "description"
  | "context_url"
  | "supervisor"
  | "labels"
  | "caller_id"
  | "external_task_id"
  | "incoming_service_sip_uri";

export type Values = Readonly<Record<FieldName, string>>;
export type Edits = Readonly<Partial<Record<FieldName, string>>>;
export type Faults = Readonly<Partial<Record<FieldName, string[]>>>;

export interface FieldSpec {
  name: FieldName;
  label: string;
  kind: "text" | "uri" | "number" | "moment" | "priority" | "service" | "labels";
  /** Whom, when and how often to dial: only while the callback waits. */
  plan: boolean;
  required?: boolean;
  maxLength?: number;
  max?: number;
  help?: string;
}

/** All fields of a request, in the order in which a person is asked for them. */
export const FIELDS: readonly FieldSpec[] = [
  {
    name: "target",
    label: "Target",
    kind: "uri",
    plan: true,
    required: true,
    maxLength: 255,
    help: "A number such as +41 78 555 66 77, or a tel:, sip: or sips: URI",
  },
  { name: "service", label: "Service", kind: "service", plan: true, required: true },
  { name: "priority", label: "Priority", kind: "priority", plan: true, required: true },
  { name: "due_date", label: "Due date", kind: "moment", plan: true, help: "Empty: now" },
  {
    name: "seconds_between_retries",
    label: "Seconds between attempts, at least",
    kind: "number",
    plan: true,
    required: true,
    max: 604_800,
  },
  { name: "max_retries", label: "Retries", kind: "number", plan: true, max: 100, help: "Empty: as the service has it" },
  {
    name: "expire_time",
    label: "Expire time",
    kind: "moment",
    plan: true,
    help: "Empty: the due date and the longest time in the queue of the service",
  },
  {
    name: "alternative_target",
    label: "Alternative target",
    kind: "uri",
    plan: true,
    maxLength: 255,
    help: "Dialled instead of the target",
  },
  { name: "description", label: "Description", kind: "text", plan: false, maxLength: 150, help: "The agent reads it" },
  { name: "context_url", label: "Context URL", kind: "text", plan: false, maxLength: 2048, help: "http: or https:" },
  { name: "supervisor", label: "Supervisor", kind: "text", plan: false, maxLength: 128 },
  { name: "labels", label: "Labels", kind: "labels", plan: false, help: "One a line, such as campaign=autumn" },
  { name: "external_task_id", label: "Task", kind: "text", plan: true, maxLength: 128, help: "The caller's own id" },
  { name: "caller_id", label: "Caller", kind: "text", plan: true, maxLength: 128, help: "The system that requests it" },
  {
    name: "incoming_service_sip_uri",
    label: "Incoming service session",
    kind: "text",
    plan: true,
    maxLength: 255,
    help: "The SIP URI out of which the request comes",
  },
];

/** The fields that only a new request can have. */
const FIXED: ReadonlySet<FieldName> = new Set(["service", "external_task_id", "caller_id", "incoming_service_sip_uri"]);

/** Return the fields of a change: all that can change while the callback waits, or only what the agent reads. */
export function changeable(withPlan: boolean): readonly FieldSpec[] {
  return FIELDS.filter(({ name, plan }) => !FIXED.has(name) && (withPlan || !plan));
}

/** The priorities of the contract, the most urgent first. */
export const PRIORITIES: readonly Priority[] = Object.values(Priority).filter(
  (value): value is Priority => typeof value === "number" && value !== Priority.UNSPECIFIED,
);
const PRIORITY_OF: ReadonlyMap<string, Priority> = new Map(PRIORITIES.map((value) => [String(value), value]));

/** Return a request as a person would have typed it. A target that is hidden on this screen is not shown here either. */
export function valuesOf(request: CallbackRequest, zone: string, isHidden: (target: string) => boolean): Values {
  const moment = (at: number | null): string => (at === null ? "" : toLocal(at, zone));
  const target = (text: string): string => (isHidden(text) ? "" : text);
  return {
    target: target(request.target),
    alternative_target: target(request.alternativeTarget),
    service: request.service.value ?? "",
    priority: request.priority === Priority.UNSPECIFIED ? "" : String(request.priority),
    due_date: moment(ms(request.dueDate)),
    expire_time: moment(ms(request.expireTime)),
    max_retries: request.maxRetries === undefined ? "" : String(request.maxRetries),
    seconds_between_retries: request.secondsBetweenRetries === undefined ? "" : String(request.secondsBetweenRetries),
    description: request.description,
    context_url: request.contextUrl,
    supervisor: request.supervisor,
    labels: Object.entries(request.labels)
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([key, value]) => `${quoted(key)}=${quoted(value)}`)
      .join("\n"),
    caller_id: request.callerId,
    external_task_id: request.externalTaskId,
    incoming_service_sip_uri: request.incomingServiceSipUri,
  };
}

/** Return the edits that differ from what is there: what goes into the mask, in the order of the fields. */
export function changedFields(before: Values, edits: Edits): FieldName[] {
  return FIELDS.map(({ name }) => name).filter((name) => {
    const edit = edits[name];
    return edit !== undefined && edit !== before[name];
  });
}

export interface Read {
  request: CallbackRequest;
  faults: Faults;
}

/** Return the request that the values stand for, and what of them cannot be sent. */
export function readValues(values: Values, zone: string): Read {
  const faults: Partial<Record<FieldName, string[]>> = {};
  const fault = (name: FieldName, words: string): void => void (faults[name] ??= []).push(words);
  const request = create(CallbackRequestSchema, {
    target: asTarget(values.target),
    alternativeTarget: asTarget(values.alternative_target),
    priority: PRIORITY_OF.get(values.priority) ?? Priority.UNSPECIFIED,
    description: values.description,
    contextUrl: values.context_url.trim(),
    supervisor: values.supervisor,
    callerId: values.caller_id,
    externalTaskId: values.external_task_id,
    incomingServiceSipUri: values.incoming_service_sip_uri.trim(),
    labels: readLabels(values.labels, (words) => fault("labels", words)),
  });
  if (values.service !== "") request.service = { case: "serviceId", value: values.service };
  for (const [name, key] of MOMENTS) {
    if (values[name] === "") continue;
    const typed = fromLocal(values[name], zone);
    if ("fault" in typed) fault(name, typed.fault);
    else request[key] = timestampFromMs(typed.at);
  }
  for (const [name, key] of NUMBERS) {
    const text = values[name].trim();
    if (text === "") continue;
    // What int32 cannot hold has no way to the server.
    if (/^-?\d{1,9}$/.test(text)) request[key] = Number(text);
    else fault(name, "is not a whole number in range");
  }
  return { request, faults };
}

const MOMENTS = [
  ["due_date", "dueDate"],
  ["expire_time", "expireTime"],
] as const;

const NUMBERS = [
  ["max_retries", "maxRetries"],
  ["seconds_between_retries", "secondsBetweenRetries"],
] as const;

/** People type a number; the contract has URIs. */
export function asTarget(text: string): string {
  const trimmed = text.trim();
  return /^[+(]?[\d(][\d\s().\-/]*$/.test(trimmed) ? `tel:${trimmed}` : trimmed;
}

function readLabels(text: string, fault: (words: string) => void): Record<string, string> {
  const labels = new Map<string, string>();
  for (const line of text.split("\n")) {
    if (line.trim() === "") continue;
    const found = LABEL.exec(line);
    const key = unquoted(found?.[1]);
    const value = unquoted(found?.[2]);
    if (key === undefined || value === undefined) fault(`“${line.trim()}” is not key=value`);
    else if (labels.has(key)) fault(`${key} is there twice`);
    else labels.set(key, value);
  }
  return Object.fromEntries(labels);
}

const QUOTED = String.raw`"(?:[^"\\]|\\.)*"`;
const LABEL = new RegExp(`^\\s*(${QUOTED}|[^=]*?)\\s*=\\s*(${QUOTED}|.*?)\\s*$`);

/** A key or value that a line could not hold as it stands is in quotation marks, as JSON has it. */
function quoted(text: string): string {
  return text === "" || /^["\s]|[=\n\r]|\s$/.test(text) ? JSON.stringify(text) : text;
}

function unquoted(text: string | undefined): string | undefined {
  if (!text?.startsWith('"')) return text;
  try {
    return JSON.parse(text) as string;
  } catch {
    return undefined;
  }
}

/** What a server has against a request: at the fields, and what belongs to none of those that are shown. */
export interface Judged {
  faults: Faults;
  others: string[];
}

/** Sort violations to the fields by their paths, such as "callback_request.labels['x'].key". */
export function judged(
  violations: readonly { field: string; description: string }[],
  shown: ReadonlySet<FieldName>,
): Judged {
  const faults: Partial<Record<FieldName, string[]>> = {};
  const others: string[] = [];
  for (const { field, description } of violations) {
    const path = field.replace(/^callback_request\./, "");
    const name = fieldOf(path);
    if (name !== undefined && shown.has(name)) {
      const rest = path.slice(name.length).replace(/^_(id|sip)$/, "");
      (faults[name] ??= []).push(rest === "" ? description : `${rest.replace(/^[.]/, "")} ${description}`);
    } else {
      others.push(`${path} ${description}`);
    }
  }
  return { faults, others };
}

function fieldOf(path: string): FieldName | undefined {
  const name = /^[a-z_]+/.exec(path)?.[0];
  if (name === "service_id" || name === "service_sip") return "service";
  return FIELDS.find((field) => field.name === name)?.name;
}
