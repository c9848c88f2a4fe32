// What the addresses of the views Queues and Outcomes say.
import type { Service } from "ringback/v1/directory_service_pb.js";

import { type Range, RANGES } from "./outcomes.js";
import { escaped, rawValues, unescaped } from "./query-values.js";

/** A parameter that is unknown or malformed. */
export interface Struck {
  param: string;
  value: string;
  reason: string;
}

export interface QueuesQuery {
  /** The id of the service whose row is open; "" for none. */
  open: string;
  isWall: boolean;
  struck: Struck[];
}

/** Read the query of /ui/queues. `services` are those that are known, by id; null while they are not. */
export function parseQueuesQuery(query: URLSearchParams, services: ReadonlySet<string> | null): QueuesQuery {
  const parsed: QueuesQuery = { open: "", isWall: false, struck: [] };
  for (const [param, value] of query) {
    const reason = readQueues(param, value, services, parsed);
    if (reason !== "") parsed.struck.push({ param, value, reason });
  }
  return parsed;
}

/** Take a parameter. Return why it does not count, "" if it does. */
function readQueues(param: string, value: string, services: ReadonlySet<string> | null, parsed: QueuesQuery): string {
  switch (param) {
    case "open":
      if (parsed.open !== "") return "one row is open at a time";
      if (services !== null && !services.has(value)) return UNKNOWN_SERVICE;
      parsed.open = value;
      return "";
    case "wall":
      if (value !== "1" && value !== "0") return "is 1 for the wall board";
      parsed.isWall = value === "1";
      return "";
    default:
      return "is not a parameter of this view";
  }
}

const UNKNOWN_SERVICE = "is no service that you may read";

export interface OutcomesQuery {
  range: Range;
  /** Ids of the services that are chosen; empty for all. */
  serviceIds: string[];
  struck: Struck[];
}

/** Read the query of /ui/outcomes. A service is named by its SIP address or its id; `services` is null while unknown. */
export function parseOutcomesQuery(query: URLSearchParams, services: Iterable<Service> | null): OutcomesQuery {
  const ids = new Map<string, string>();
  for (const { serviceId, sipAddress } of services ?? []) {
    ids.set(serviceId, serviceId).set(sipAddress.toLowerCase(), serviceId);
  }
  const parsed: OutcomesQuery = { range: "24h", serviceIds: [], struck: [] };
  let hasRange = false;
  for (const [param, value] of query) {
    const strike = (reason: string): unknown => parsed.struck.push({ param, value, reason });
    if (param === "range") {
      if (!isRange(value)) strike(`is one of ${[...RANGES.keys()].join(", ")}`);
      else if (hasRange) strike("is given a second time");
      else parsed.range = value;
      hasRange ||= isRange(value);
    } else if (param !== "service") {
      strike("is not a parameter of this view");
    }
  }
  for (const raw of rawValues(query, "service").filter((each) => each !== "")) {
    const id = ids.get(unescaped(raw).toLowerCase());
    if (id !== undefined) parsed.serviceIds.push(id);
    else if (services !== null) parsed.struck.push({ param: "service", value: raw, reason: UNKNOWN_SERVICE });
  }
  parsed.serviceIds = [...new Set(parsed.serviceIds)];
  return parsed;
}

function isRange(text: string): text is Range {
  return RANGES.has(text as Range);
}

/** Return the address of the callbacks that a figure counts. */
export function listPath(filter: Record<string, string>, service?: Service): string {
  const named = service && { service: escaped(service.sipAddress || service.serviceId) };
  const query = Object.entries({ ...filter, ...named }).map(([name, value]) => `${name}=${inQuery(value)}`);
  return `/ui/callbacks?${query.join("&")}`;
}

/** Return the address of the outcomes of these services; of all for none. */
export function outcomesPath(range: Range, services: readonly Service[]): string {
  const named = services.map((service) => inQuery(escaped(service.sipAddress || service.serviceId))).join(",");
  return `/ui/outcomes?range=${range}${named && `&service=${named}`}`;
}

/** Readable, where the grammar of a query allows it (RFC 3986, 3.4). */
function inQuery(value: string): string {
  return encodeURIComponent(value).replaceAll(/%(3A|40|2C)/g, decodeURIComponent);
}
