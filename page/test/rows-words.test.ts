// What a row says: why it is where it is, its time, its attempts; and which rows are in the document.
import assert from "node:assert/strict";
import { test } from "node:test";

import { create } from "@bufbuild/protobuf";
import {
  type Attempt,
  AttemptSchema,
  type Callback,
  CallbackState,
  CallOutcome,
  Priority,
} from "ringback/v1/callback_pb.js";
import { CallbackEventSchema, type StateCount, StateCountSchema } from "ringback/v1/callbacks_service_pb.js";
import { type GetQueueResponse, GetQueueResponseSchema, QueueState } from "ringback/v1/directory_service_pb.js";

import { Facets } from "../src/callbacks/facets.js";
import { timestampOf } from "../src/model/moments.js";
import { targetGroups } from "../src/model/number-groups.js";
import { countedTime, rowTime } from "../src/model/row-time.js";
import { traceOf } from "../src/model/trace.js";
import { type Around, why } from "../src/model/why.js";
import { windowOf } from "../src/parts/windowed.js";
import { callbackOf, NOW, NOW_US, type Sketch } from "./world/callbacks.js";

const S = CallbackState;
const O = CallOutcome;

function attemptOf(outcome: CallOutcome, more: Partial<Attempt> = {}): Attempt {
  const begun = { number: 1, dialerId: "sip-3", outcome, startTime: timestampOf(NOW_US - 60e6) };
  return Object.assign(create(AttemptSchema, begun), more);
}

function tried(sketch: Sketch, ...attempts: Attempt[]): Callback {
  const callback = callbackOf(sketch);
  callback.attempts = attempts.map((attempt, index) => ({ ...attempt, number: index + 1 }));
  callback.attemptCount = attempts.length;
  if (callback.callbackRequest) callback.callbackRequest.maxRetries = 3;
  return callback;
}

function around(queue: Partial<GetQueueResponse> = {}, ahead?: number): Around {
  return { queue: create(GetQueueResponseSchema, queue as object), ahead, now: NOW, zone: "UTC" };
}

const TALKED = {
  ringTime: timestampOf(NOW_US - 250e6),
  answerTime: timestampOf(NOW_US - 240e6),
  endTime: timestampOf(NOW_US - 20e6),
};

const WHY: [string, Callback, Around, string][] = [
  ["not due", callbackOf({ state: S.SCHEDULED, dueUs: NOW_US + 60e6 }), around(), "not due"],
  ["a retry", tried({ state: S.SCHEDULED }, attemptOf(O.BUSY)), around(), "retry after busy"],
  ["a lost dialer", tried({ state: S.SCHEDULED }, attemptOf(O.INTERRUPTED)), around(), "retry; dialer sip-3 was lost"],
  ["no agent", tried({ state: S.SCHEDULED }, attemptOf(O.ABANDONED)), around(), "retry; no agent was there"],
  [
    "closed",
    callbackOf({ state: S.SCHEDULED, dueUs: NOW_US + 60e6 }),
    around({ state: QueueState.CLOSED, nextOpenTime: timestampOf(NOW_US + 60e6) }),
    "closed, opens 13:07:22",
  ],
  [
    "no dialer",
    callbackOf(),
    around({ state: QueueState.NO_DIALER, noDialerSince: timestampOf(NOW_US - 60e6) }),
    "no dialer since 13:05:22",
  ],
  ["paused", callbackOf(), around({ state: QueueState.PAUSED }), "service paused"],
  ["off", callbackOf(), around({ state: QueueState.DIALING_OFF }), "dialling is off"],
  ["full", callbackOf(), around({ inProgress: 40, capacity: 40 }), "no free slot, 40 of 40 in use"],
  ["behind others", callbackOf(), around({ inProgress: 40, capacity: 40 }, 3), "behind 3 others"],
  ["behind one", callbackOf(), around({}, 1), "behind 1 other"],
  ["its turn", callbackOf(), around({}, 0), "next in turn"],
  ["unknown place", callbackOf(), around(), "waits for its turn"],
  ["nothing else", callbackOf({ priority: Priority.NOTHING_ELSE }), around(), "when nobody else waits"],
  [
    "connected",
    tried({ state: S.CONNECTED }, attemptOf(O.UNSPECIFIED, { agent: "agent-07" })),
    around(),
    "agent agent-07, dialer sip-3",
  ],
  [
    "cancelled",
    Object.assign(callbackOf({ state: S.CANCELLED }), { cancelReason: "called in" }),
    around(),
    "cancelled: called in",
  ],
  [
    "completed",
    tried({ state: S.COMPLETED }, attemptOf(O.ANSWERED, { ...TALKED, disposition: "sold" })),
    around(),
    "answered, talked 3:40, sold",
  ],
  [
    "never retried",
    tried({ state: S.FAILED }, attemptOf(O.INVALID_NUMBER, { sipStatus: 404 })),
    around(),
    "404, not retried",
  ],
  [
    "used up",
    tried({ state: S.FAILED }, ...Array.from({ length: 4 }, () => attemptOf(O.NETWORK_FAILURE, { sipStatus: 503 }))),
    around(),
    "503, retries used up",
  ],
  [
    "the trunk",
    tried({ state: S.FAILED }, attemptOf(O.NOT_AUTHORIZED, { sipStatus: 407 })),
    around(),
    "407: check the trunk login",
  ],
  [
    "a dial rule",
    tried({ state: S.FAILED }, attemptOf(O.BLOCKED, { detail: "quiet hours" })),
    around(),
    "dial rule: quiet hours",
  ],
  [
    "expired",
    Object.assign(callbackOf({ state: S.EXPIRED }), { expireTime: timestampOf(NOW_US - 22e6) }),
    around(),
    "not connected by 13:06:00",
  ],
  ["a state of a newer server", Object.assign(callbackOf(), { state: 99 }), around(), ""],
];

for (const [name, callback, where, words] of WHY) {
  test(`why, ${name}: "${words}"`, () => assert.equal(why(callback, where).text, words));
}

const TIMES: [Callback, string][] = [
  [callbackOf({ dueUs: NOW_US - 252e6 }), "due 4:12 ago"],
  [callbackOf({ state: S.SCHEDULED, dueUs: NOW_US + 543e6 }), "in 9:03"],
  [callbackOf({ state: S.SCHEDULED, dueUs: NOW_US - 5e6 }), "now"],
  [tried({ state: S.DIALING }, attemptOf(O.UNSPECIFIED)), "dialling 1:00"],
  [tried({ state: S.DIALING }, attemptOf(O.UNSPECIFIED, { ringTime: timestampOf(NOW_US - 18e6) })), "ringing 0:18"],
  [
    tried({ state: S.CONNECTED }, attemptOf(O.UNSPECIFIED, { answerTime: timestampOf(NOW_US - 161e6) })),
    "talking 2:41",
  ],
  [callbackOf({ state: S.FAILED, endUs: NOW_US - 4320e6 }), "ended 1 h 12 min ago"],
  [callbackOf({ state: S.CANCELLING }), ""],
];

for (const [callback, words] of TIMES) {
  test(`the time of a row: "${words}"`, () => assert.equal(countedTime(rowTime(callback), NOW), words));
}

test("attempts are told in order, with those that are left", () => {
  const trace = traceOf(tried({}, attemptOf(O.BUSY), attemptOf(O.NO_ANSWER)), undefined);
  assert.deepEqual([trace.first.length, trace.between, trace.last.length, trace.dots], [2, 0, 0, 2]);
  assert.equal(trace.sentence, "attempt 1 busy; attempt 2 no answer; 2 left");
  assert.equal(traceOf(callbackOf(), 3).sentence, "no attempt yet; 4 left");
  assert.equal(traceOf(callbackOf(), undefined).sentence, "no attempt yet");
});

test("of more than 8 attempts the first 2 and the last 5 are shown", () => {
  const many = tried({}, ...Array.from({ length: 11 }, () => attemptOf(O.BUSY)));
  const trace = traceOf(many, undefined);
  assert.deepEqual([trace.first.length, trace.between, trace.last.length], [2, 4, 5]);
  const eight = traceOf(tried({}, ...Array.from({ length: 8 }, () => attemptOf(O.BUSY))), undefined);
  assert.deepEqual([eight.first.length, eight.between], [8, 0]);
});

test("no more than 60 rows are in the document, and all that are seen", () => {
  for (const top of [0, 15, 3000, 299_000, 1e9]) {
    for (const height of [0, 300, 800, 1700]) {
      const { start, end, above, below } = windowOf(10_000, 30, { top, height });
      assert.ok(end - start <= 60, `${end - start} rows`);
      assert.equal(above + (end - start) * 30 + below, 300_000);
      const seenFrom = Math.min(Math.floor(top / 30), 9_999);
      assert.ok(
        start <= seenFrom && end >= Math.min(Math.ceil((Math.min(top, 300_000 - height) + height) / 30), 10_000),
      );
    }
  }
  assert.deepEqual(windowOf(0, 30, { top: 0, height: 800 }), { start: 0, end: 0, rowHeight: 30, above: 0, below: 0 });
});

test("a number is set in groups, and its digits stay what they are", () => {
  assert.deepEqual(targetGroups("tel:+12025550172"), ["+1", "202", "555", "0172"]);
  assert.deepEqual(targetGroups("tel:+447700900118"), ["+44", "770", "090", "0118"]);
  assert.deepEqual(targetGroups("tel:+41 78 *** ** 77"), ["+41 78 *** ** 77"]);
  assert.deepEqual(targetGroups("sip:guest@example.com"), ["sip:guest@example.com"]);
});

test("facets are counted by the server, and kept by events until they are counted again", async () => {
  let counts: StateCount[] = [
    { state: S.QUEUED, count: 5n },
    { state: S.DIALING, count: 1n, atLeast: true },
  ].map((count) => create(StateCountSchema, count));
  const facets = new Facets(
    () => Promise.resolve(counts),
    ({ callbackRequest }) => callbackRequest?.callerId === "crm",
  );
  assert.equal(await facets.refresh(0), true);
  const event = (sketch: Sketch, previousState: CallbackState) =>
    create(CallbackEventSchema, { callback: callbackOf(sketch), previousState });
  facets.note([
    event({ state: S.DIALING }, S.QUEUED),
    event({ state: S.QUEUED }, S.UNSPECIFIED),
    event({ state: S.QUEUED }, S.QUEUED),
    event({ state: S.DIALING, caller: "ivr" }, S.QUEUED),
  ]);
  assert.deepEqual(facets.byState.get(S.QUEUED), { count: 5, atLeast: false });
  assert.deepEqual(facets.byState.get(S.DIALING), { count: 2, atLeast: true });
  assert.deepEqual(facets.total, { count: 7, atLeast: true });
  counts = counts.slice(0, 1);
  assert.equal(await facets.refresh(9_999), false);
  assert.equal(await facets.refresh(10_000), true);
  assert.equal(await facets.refresh(30_000), false);
});
