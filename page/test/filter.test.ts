// The filter in the address: what is read, what is struck, and which callbacks it selects.
import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";
import { type Callback, type CallbackFilter, CallbackState, Priority } from "ringback/v1/callback_pb.js";

import { filterAt, parseFilter } from "../src/model/filter.js";
import { judgeOf, matches } from "../src/model/match.js";
import { momentUs, readMoment, us } from "../src/model/moments.js";
import { adding, escaped, escapedLabel, rawValues, removing } from "../src/model/query-values.js";
import { callbackOf, idOf, NOW, NOW_US, SERVICES, sketches } from "./world/callbacks.js";

const parse = (query: string) => parseFilter(new URLSearchParams(query), NOW);
const ID = "019a7847-5d38-7c3a-9d55-2f6b8e40a1d7";

test("every parameter of the address is read into its field", () => {
  const { filter, struck, order, selected } = parse(
    `state=QUEUED,dialing&state=FAILED&service=sip:sales@example.com,${SERVICES[0]}&priority=HIGH&priority=strict` +
      `&caller=crm,&supervisor=lead-2&label=campaign=autumn,region=east&target=%2B1202&task=CRM-1&id=${ID.toUpperCase()}` +
      `&due_before=1h&due_after=2026-11-30T14:00:00.1234567%2B01:00&ended_after=-15m&ended_before=now&sort=oldest&sel=${ID}`,
  );
  assert.deepEqual(struck, []);
  assert.deepEqual(filter.states, [CallbackState.QUEUED, CallbackState.DIALING, CallbackState.FAILED]);
  assert.deepEqual(filter.serviceSips, ["sip:sales@example.com"]);
  assert.deepEqual(filter.serviceIds, [SERVICES[0]]);
  assert.deepEqual(filter.priorities, [Priority.HIGH, Priority.STRICT_PRIORITY]);
  assert.deepEqual(filter.callerIds, ["crm", ""]);
  assert.deepEqual(filter.supervisors, ["lead-2"]);
  assert.deepEqual(filter.labels, { campaign: "autumn", region: "east" });
  assert.equal(filter.dialTarget, "tel:+1202");
  assert.deepEqual(filter.externalTaskIds, ["CRM-1"]);
  assert.deepEqual(
    filter.keys.map(({ key }) => key.value),
    [ID],
  );
  assert.equal(us(filter.dueBefore), NOW_US + 3600e6);
  assert.equal(us(filter.dueAfter), Date.UTC(2026, 10, 30, 13) * 1000 + 123_456);
  assert.equal(us(filter.endAfter), NOW_US - 900e6);
  assert.equal(us(filter.endBefore), NOW_US);
  assert.equal(order, "oldest");
  assert.equal(selected, ID);
});

const STRUCK: [string, string, string, RegExp][] = [
  ["colour=red", "colour", "red", /no filter/],
  ["state=QUEUD", "state", "QUEUD", /no state/],
  ["state=UNSPECIFIED", "state", "UNSPECIFIED", /no state/],
  ["state=", "state", "", /no state/],
  ["state=toString", "state", "toString", /no state/],
  ["priority=0", "priority", "0", /no priority/],
  ["service=Sales", "service", "Sales", /neither a SIP address nor a UUID/],
  ["caller=crm;drop", "caller", "crm;drop", /letters, digits/],
  [`supervisor=${"x".repeat(129)}`, "supervisor", "x".repeat(129), /longer than 128/],
  ["supervisor=a%07", "supervisor", "a\u0007", /control character/],
  ["label=autumn", "label", "autumn", /not key=value/],
  ["label==autumn", "label", "=autumn", /no key/],
  ["label=a=1,a=2", "label", "a=2", /second value/],
  ["target=nobody", "target", "nobody", /neither a number/],
  ["target=%2B1202&target=%2B1203", "target", "+1203", /second target/],
  ["task=", "task", "", /empty/],
  ["id=42", "id", "42", /UUID/],
  ["due_before=soon", "due_before", "soon", /neither a time/],
  ["due_before=2026-11-30", "due_before", "2026-11-30", /with its zone/],
  ["due_before=2026-02-30T00:00:00Z", "due_before", "2026-02-30T00:00:00Z", /does not exist/],
  ["due_before=1h&due_before=2h", "due_before", "2h", /second time/],
  ["ended_after=", "ended_after", "", /neither a time/],
  ["sort=colour", "sort", "colour", /no order/],
  ["sel=first", "sel", "first", /UUID/],
  ["__proto__=1", "__proto__", "1", /no filter/],
];

for (const [query, param, value, reason] of STRUCK) {
  test(`${query.slice(0, 60)} is struck with the reason`, () => {
    const { struck } = parse(query);
    assert.equal(struck.length, 1);
    assert.equal(struck[0]?.param, param);
    assert.equal(struck[0].value, value);
    assert.match(struck[0].reason, reason);
  });
}

test("a label that is named like a part of every object is a label", () => {
  const { filter, struck } = parse("label=__proto__=x");
  assert.deepEqual(struck, []);
  assert.equal(matches(callbackOf(), filter), false);
  const labels: Record<string, string> = {};
  Object.defineProperty(labels, "__proto__", { value: "x", enumerable: true });
  const labelled = callbackOf();
  if (labelled.callbackRequest) labelled.callbackRequest.labels = labels;
  assert.equal(matches(labelled, filter), true);
});

test("17 labels and 1,001 values are too many, and the rest counts", () => {
  const labels = Array.from({ length: 17 }, (_, at) => `k${String(at)}=v`).join(",");
  assert.equal(Object.keys(parse(`label=${labels}`).filter.labels).length, 16);
  assert.equal(parse(`label=${labels}`).struck.length, 1);
  const tasks = Array.from({ length: 1001 }, (_, at) => `t${String(at)}`).join(",");
  assert.equal(parse(`task=${tasks}`).filter.externalTaskIds.length, 1000);
  assert.equal(parse(`task=${tasks}`).struck.length, 1);
});

test("relative times roll on, and absolute ones stay", () => {
  const parsed = parse("due_before=1h&due_after=2026-11-30T14:00:00Z&ended_after=-15m");
  const later = filterAt(parsed, NOW + 60_000);
  assert.equal(us(later.dueBefore), NOW_US + 3660e6);
  assert.equal(us(later.endAfter), NOW_US - 840e6);
  assert.equal(us(later.dueAfter), us(parsed.filter.dueAfter));
  assert.equal(us(filterAt(parsed, NOW, 1000).dueBefore), NOW_US + 3601e6);
  assert.equal(us(filterAt(parsed, NOW, 1000).endAfter), NOW_US - 900e6);
  assert.equal(parsed.rolls, true);
  assert.equal(parse("due_after=2026-11-30T14:00:00Z").rolls, false);
});

test("spans add up, and an unescaped plus sign is still one", () => {
  const offset = (text: string) => {
    const moment = readMoment(text);
    return typeof moment === "string" ? moment : momentUs(moment, 0);
  };
  assert.equal(offset("1h30m"), 5400e6);
  assert.equal(offset("-2d"), -172_800e6);
  assert.equal(offset("+90s"), 90e6);
  assert.equal(offset("2026-11-30T14:00:00 01:00"), offset("2026-11-30T13:00:00Z"));
  assert.match(String(offset("99999d")), /20 years/);
  assert.equal(parse("target= 12025550172").filter.dialTarget, "tel:+12025550172");
});

test("values come back out of the address as they went in", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ minLength: 1 }), { minLength: 1 }), (texts) => {
      const query = new URLSearchParams();
      for (const text of texts) {
        for (const [name, value] of Object.entries(adding(query, "supervisor", escaped(text), false))) {
          query.set(name, value ?? "");
        }
      }
      const wanted = [...new Set(texts)];
      assert.deepEqual(new Set(rawValues(query, "supervisor")), new Set(wanted.map(escaped)));
      const [first = ""] = texts;
      const change = removing(query, "supervisor", escaped(first))["supervisor"];
      query.set("supervisor", change ?? "");
      assert.equal(change === null, wanted.length === 1);
      assert.ok(change === null || !rawValues(query, "supervisor").includes(escaped(first)));
    }),
  );
});

test("labels with commas and equals signs come back, too", () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[a=,\\]{1,6}$/), fc.stringMatching(/^[a=,\\]{0,6}$/), (key, value) => {
      const query = new URLSearchParams({ label: escapedLabel(key, value) });
      assert.deepEqual(parseFilter(query, NOW).filter.labels, { [key]: value });
    }),
  );
});

/** The server's rules (domain/filter.py), written down once more and in another way. */
function byTheRules(callback: Callback, filter: CallbackFilter): boolean {
  const request = callback.callbackRequest;
  assert.ok(request);
  const any = <T>(wanted: readonly T[], value: T) => wanted.length === 0 || wanted.includes(value);
  const due = us(callback.dueTime) ?? 0;
  const end = us(callback.endTime);
  const checks = [
    any(filter.states, callback.state),
    any(filter.serviceIds, callback.serviceId),
    any(filter.callerIds, request.callerId),
    any(filter.priorities, request.priority),
    any(filter.supervisors, request.supervisor),
    any(filter.externalTaskIds, request.externalTaskId),
    filter.dialTarget === "" || filter.dialTarget === callback.dialTarget,
    filter.dueAfter === undefined || due >= (us(filter.dueAfter) ?? 0),
    filter.dueBefore === undefined || due < (us(filter.dueBefore) ?? 0),
    filter.endAfter === undefined || (end !== null && end >= (us(filter.endAfter) ?? 0)),
    filter.endBefore === undefined || (end !== null && end < (us(filter.endBefore) ?? 0)),
    Object.entries(filter.labels).every(([key, value]) => request.labels[key] === value),
    any(
      filter.keys.map(({ key }) => key.value),
      callback.callbackId,
    ),
  ];
  return checks.every(Boolean);
}

const PARTS: Record<string, string[]> = {
  state: ["QUEUED", "QUEUED,FAILED", "SCHEDULED,COMPLETED,CANCELLED"],
  priority: ["HIGH", "STRICT_PRIORITY,NOTHING_ELSE"],
  service: [SERVICES[0], SERVICES.join(",")],
  caller: ["crm", "crm,", ""],
  supervisor: ["lead-1", "lead\\, 2", ""],
  task: ["CRM-1", "CRM-1,CRM-2"],
  label: ["campaign=autumn", "campaign=", "a\\=b=autumn,campaign=autumn"],
  target: ["+12025550172", "sip:guest@example.com"],
  id: [idOf(3), `${idOf(3)},${idOf(4)}`],
  due_before: ["now", "1h", "2h"],
  due_after: ["now", "1h"],
  ended_before: ["-15m", "now"],
  ended_after: ["-15m", "now"],
};

const queries = fc
  .subarray(Object.keys(PARTS), { maxLength: 4 })
  .chain((params) =>
    fc.tuple(...params.map((param) => fc.tuple(fc.constant(param), fc.constantFrom(...(PARTS[param] ?? []))))),
  )
  .map((pairs) => new URLSearchParams(pairs));

test("a filter selects what the server's rules select", () => {
  let selected = 0;
  fc.assert(
    fc.property(queries, fc.array(sketches, { minLength: 8, maxLength: 8 }), (query, some) => {
      const { filter, struck } = parseFilter(query, NOW);
      assert.deepEqual(struck, []);
      const judge = judgeOf(filter, { idsOfSips: [], target: filter.dialTarget || null, ownCaller: "" });
      for (const sketch of some) {
        const callback = callbackOf(sketch);
        const wanted = byTheRules(callback, filter);
        selected += Number(wanted);
        assert.equal(judge(callback) === "selected", wanted, `${query.toString()} ${JSON.stringify(sketch)}`);
      }
    }),
    { numRuns: 400 },
  );
  assert.ok(selected > 100);
});

test("a service that is named by an address that nobody has selects nothing", () => {
  const { filter } = parse("service=sip:nobody@example.com");
  assert.equal(matches(callbackOf(), filter), false);
  assert.equal(matches(callbackOf(), filter, { idsOfSips: [SERVICES[0]], target: null, ownCaller: "" }), true);
});

test("whether a number in another spelling is meant, the server alone can say", () => {
  const { filter } = parse("target=0044 (0)7700 900118");
  const judge = judgeOf(filter);
  assert.equal(judge(callbackOf({ target: "tel:+447700900118" })), "undecided");
  assert.equal(judge(callbackOf({ target: "" })), "not");
  assert.equal(judge(callbackOf({ target: "tel:+44 77 ** ** ** 18" })), "not");
  const known = judgeOf(filter, { idsOfSips: [], target: "tel:+447700900118", ownCaller: "" });
  assert.equal(known(callbackOf({ target: "tel:+447700900118" })), "selected");
  assert.equal(known(callbackOf({ target: "tel:+12025550172" })), "not");
});
