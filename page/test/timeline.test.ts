import assert from "node:assert/strict";
import { test } from "node:test";

import { create } from "@bufbuild/protobuf";
import { CallbackState, CallOutcome, Priority, RetryDelayReason } from "ringback/v1/callback_pb.js";
import { CallbackEventSchema, CallbackEventType } from "ringback/v1/callbacks_service_pb.js";

import type { Entry, History } from "../src/model/entries.js";
import { lifeOf, missingWords } from "../src/model/timeline.js";
import {
  after,
  attempt,
  callback,
  type CallbackInit,
  eventsOf,
  newer,
  newest,
  START,
  telling,
  versionsOf,
} from "./world/lives.js";

const NOTHING: History = { events: [], complete: false };

function told(entries: Entry[]): string[] {
  return entries.map(({ place, at, length, title, text }) => {
    const when = length ?? (at === null ? "" : new Date(at).toISOString().slice(11, 19));
    return [place === "past" ? "" : `(${place})`, when, title, text].filter(Boolean).join(" ");
  });
}

test("a callback that was just created waits for its time, and expires", () => {
  const versions = versionsOf({});
  const life = lifeOf(newest(versions), { events: eventsOf(versions), complete: true }, telling(60));
  assert.deepEqual(told(life), [
    "12:00:00 Created by crm for 12:05:00, up to 4 attempts, at least 10 min apart",
    "(now) 12:05:00 Scheduled for attempt 1 in 4:00",
    "(future) 22:00:00 Expires in 9 h 59 min, if nobody has answered by then",
  ]);
});

test("attempts, their gaps, what decided each gap, and the wait before an attempt", () => {
  const busy = attempt(1, 434, 436, CallOutcome.BUSY, {
    sipStatus: 486,
    q850Cause: 17,
    retryDelay: { seconds: 900n },
    retryDelayReason: RetryDelayReason.RETRY_RULE,
  });
  const machine = attempt(2, 1421, 1462, CallOutcome.MACHINE, {
    sipStatus: 200,
    ringTime: after(1423),
    answerTime: after(1441),
    retryDelay: { seconds: 600n },
    retryDelayReason: RetryDelayReason.REQUEST,
  });
  const versions = versionsOf(
    {},
    { at: 300, state: CallbackState.QUEUED, queueTime: after(300) },
    { at: 431, state: CallbackState.OFFERED, leasedBy: "sip-1" },
    { at: 434, state: CallbackState.DIALING, attempts: [attempt(1, 434, null, CallOutcome.UNSPECIFIED)] },
    { at: 436, state: CallbackState.SCHEDULED, leasedBy: "", attempts: [busy], nextAttemptTime: after(1336) },
    { at: 1336, state: CallbackState.QUEUED, queueTime: after(1336) },
    { at: 1418, state: CallbackState.OFFERED, leasedBy: "sip-1" },
    { at: 1462, state: CallbackState.SCHEDULED, leasedBy: "", attempts: [busy, machine], nextAttemptTime: after(2062) },
  );
  const life = lifeOf(newest(versions), { events: eventsOf(versions), complete: true }, telling(1500));
  assert.deepEqual(told(life).slice(1, -1), [
    "12:05:00 Due and queued waited 2:11 for its turn in Sales",
    "12:07:14 Attempt 1: BUSY 486 Busy Here, Q.850 17 user busy, by sip-1",
    "(gap) 15 min Retry gap. Sales asks for 15 min after BUSY, the request for 10 min. Waited 1:22 in the queue.",
    "12:23:41 Attempt 2: MACHINE 200 OK, by sip-1",
    "(gap) 10 min Retry gap. The request asks for at least 10 min.",
    "(now) 12:34:22 Scheduled for attempt 3 in 9:22",
  ]);
  const facts = life.flatMap(
    (entry) => entry.attempt?.facts.map(({ label, value }) => `${label} ${value}`.trim()) ?? [],
  );
  assert.deepEqual(facts, [
    "offered 3.0 s",
    "set-up 2.0 s",
    "did not ring",
    "offered 3.0 s",
    "set-up 2.0 s",
    "rang 18.0 s",
    "answered at 12:24:01",
    "hung up after 21.0 s",
  ]);
  // One scale: the longest attempt fills it.
  const shares = life.flatMap((entry) => entry.attempt?.phases.map(({ kind, ms }) => [kind, ms]) ?? []);
  assert.deepEqual(shares, [
    ["setup", 2000],
    ["setup", 2000],
    ["ring", 18_000],
    ["talk", 21_000],
  ]);
  const longest = life.findLast((entry) => entry.attempt)?.attempt?.phases.reduce((sum, { share }) => sum + share, 0);
  assert.ok(Math.abs((longest ?? 0) - 1) < 1e-9);
});

test("what decided a gap, for each reason, and nothing where a server does not say", () => {
  const words = (reason: RetryDelayReason, delay: bigint | null): string | undefined => {
    const ended = attempt(1, 10, 20, CallOutcome.BUSY, {
      ...(delay === null ? {} : { retryDelay: { seconds: delay } }),
      retryDelayReason: reason,
    });
    const life = lifeOf(callback({ attempts: [ended], nextAttemptTime: after(900) }), NOTHING, telling(30));
    return told(life).find((line) => line.startsWith("(gap)"));
  };
  assert.equal(words(RetryDelayReason.REQUEST, 600n), "(gap) 10 min Retry gap. The request asks for at least 10 min.");
  assert.equal(words(RetryDelayReason.REQUEST, 0n), "(gap) 0 s Retry gap. The request asks for none.");
  assert.equal(
    words(RetryDelayReason.RETRY_RULE, 90n),
    "(gap) 1 min 30 s Retry gap. Sales asks for 1 min 30 s after BUSY.",
  );
  assert.equal(
    words(RetryDelayReason.DIAL_RULES, 3600n),
    "(gap) 1 h Retry gap. The server's dial rules ask for 1 h after BUSY.",
  );
  assert.equal(
    words(RetryDelayReason.RING_TIMEOUT, 30n),
    "(gap) 30 s Retry gap. The dialer was lost, and the phone may have rung on for 30 s.",
  );
  assert.equal(
    words(RetryDelayReason.CLOSED, 86_400n),
    "(gap) 1 day Retry gap. Sales was closed, or it was quiet for the target: it waited for the next opening.",
  );
  assert.equal(words(newer(RetryDelayReason, 99), 60n), "(gap) 1 min Retry gap.");
  assert.equal(words(RetryDelayReason.UNSPECIFIED, null), "(gap) Retry gap.");
});

test("changes are told with who made them, from what to what", () => {
  const versions = versionsOf(
    { state: CallbackState.QUEUED, queueTime: after(0), callbackRequest: { labels: { campaign: "winter" } } },
    {
      at: 50,
      state: CallbackState.SCHEDULED,
      nextAttemptTime: after(900),
      callbackRequest: { priority: Priority.NORMAL, dueDate: after(900), labels: { region: "" } },
    },
    { at: 60, callbackRequest: { supervisor: "lead-2" } },
  );
  const history = { events: eventsOf(versions, { 1: "ops@example.com" }), complete: true };
  const changes = told(lifeOf(newest(versions), history, telling(61))).filter((line) => line.includes("Changed"));
  assert.deepEqual(changes, [
    "12:00:50 Changed by ops@example.com priority from High to Normal; due date from 12:05:00 to 12:15:00; " +
      'label campaign removed (was winter); label region set to ""; so it left the queue',
    "12:01:00 Changed supervisor set to lead-2",
  ]);
});

test("openings move what waits, without an attempt", () => {
  const versions = versionsOf(
    { state: CallbackState.QUEUED, queueTime: after(0) },
    { at: 100, state: CallbackState.SCHEDULED, nextAttemptTime: after(7200) },
    { at: 200, nextAttemptTime: after(10_800) },
  );
  const history = { events: eventsOf(versions), complete: true };
  const moves = told(lifeOf(newest(versions), history, telling(300))).filter((line) => line.includes("Moved"));
  assert.deepEqual(moves, [
    "12:01:40 Moved to an opening Sales closed, or it became quiet for the target: waits until 14:00:00",
    "12:03:20 Moved to an opening of Sales: from 14:00:00 to 15:00:00",
  ]);
});

test("an offer that comes back uses no attempt", () => {
  const versions = versionsOf(
    { state: CallbackState.QUEUED, queueTime: after(0) },
    { at: 10, state: CallbackState.OFFERED, leasedBy: "sip-2" },
    { at: 14, state: CallbackState.QUEUED, leasedBy: "" },
    { at: 20, state: CallbackState.OFFERED, leasedBy: "sip-1" },
  );
  const life = lifeOf(newest(versions), { events: eventsOf(versions), complete: true }, telling(22));
  assert.deepEqual(told(life).slice(1, -1), [
    "12:00:00 Due and queued waited 0:10 for its turn in Sales",
    "12:00:14 Offered to sip-2, and came back after 4.0 s not dialled: no attempt is used, and its place is kept",
    "(now) 12:00:20 Offered to sip-1 for attempt 1 0:02 ago; nobody's phone is ringing yet",
  ]);
});

test("an attempt in progress is the entry of now, and counts", () => {
  const running = attempt(1, 10, null, CallOutcome.UNSPECIFIED, { ringTime: after(12) });
  const dialing = callback({ state: CallbackState.DIALING, leasedBy: "sip-1", attempts: [running] });
  const life = lifeOf(dialing, NOTHING, telling(30));
  assert.deepEqual(told(life), [
    "12:00:00 Created by crm",
    "(now) 12:00:10 Attempt 1: DIALING, it rings by sip-1",
    "(future) 22:00:00 Expires in 9 h 59 min, if nobody has answered by then",
  ]);
  assert.deepEqual(
    life[1]?.attempt?.facts.map(({ label, value }) => `${label} ${value}`),
    ["offered 3.0 s", "set-up 2.0 s", "ringing 18.0 s"],
  );
});

test("cancelled while it was dialled: who, why, and what became of it", () => {
  const running = attempt(1, 10, null, CallOutcome.UNSPECIFIED);
  const versions = versionsOf(
    { state: CallbackState.DIALING, attempts: [running], leasedBy: "sip-1" },
    { at: 20, state: CallbackState.CANCELLING, cancelTime: after(20), cancelReason: "called in" },
    {
      at: 22,
      state: CallbackState.CANCELLED,
      leasedBy: "",
      endTime: after(22),
      attempts: [attempt(1, 10, 22, CallOutcome.NO_ANSWER, { sipStatus: 487 })],
    },
  );
  const history = { events: eventsOf(versions, { 1: "ops" }), complete: true };
  assert.deepEqual(told(lifeOf(newest(versions), history, telling(30))).slice(1), [
    "12:00:10 Attempt 1: NO_ANSWER 487 Request Terminated, by sip-1",
    "12:00:20 Cancel requested by ops while it was dialled; the dialer is told to hang up: “called in”",
    "12:00:22 CANCELLED after 1 attempt",
  ]);
  // The same without events: nothing is invented.
  assert.deepEqual(told(lifeOf(newest(versions), NOTHING, telling(30))).slice(2), [
    "12:00:20 Cancel requested while it was dialled; the dialer is told to hang up: “called in”",
    "12:00:22 CANCELLED after 1 attempt",
  ]);
});

test("how each end is explained", () => {
  const end = (state: CallbackState, more: CallbackInit, identity = ""): string | undefined => {
    const versions = versionsOf({ ...more, state, endTime: after(50), updateTime: after(50) });
    const events = eventsOf(versions, { 0: identity });
    return told(lifeOf(newest(versions), { events, complete: true }, telling(60))).findLast((line) =>
      line.startsWith("12:00:50"),
    );
  };
  const one = (outcome: CallOutcome): CallbackInit => ({ attempts: [attempt(1, 10, 50, outcome)] });
  const ends: [string | undefined, string][] = [
    [end(CallbackState.COMPLETED, one(CallOutcome.ANSWERED)), "COMPLETED the target was reached"],
    [
      end(CallbackState.COMPLETED, one(CallOutcome.INTERRUPTED)),
      "COMPLETED the target had answered when the dialer was lost, and is not dialled again",
    ],
    [end(CallbackState.FAILED, one(CallOutcome.INVALID_NUMBER)), "FAILED INVALID_NUMBER is not retried"],
    [end(CallbackState.FAILED, one(CallOutcome.BUSY)), "FAILED the service permits no further attempt after BUSY"],
    [
      end(CallbackState.FAILED, { ...one(CallOutcome.BUSY), callbackRequest: { maxRetries: 0 } }),
      "FAILED no retry was asked for",
    ],
    [
      end(CallbackState.FAILED, { attempts: [attempt(1, 50, 50, CallOutcome.BLOCKED, { dialerId: "" })] }),
      "FAILED a rule does not let this target be dialled",
    ],
    [
      end(CallbackState.CANCELLED, { cancelTime: after(50), cancelReason: "wrote an e-mail" }, "ops"),
      "CANCELLED by ops, before any attempt: “wrote an e-mail”",
    ],
    [end(CallbackState.CANCELLED, { cancelTime: after(50) }), "CANCELLED before any attempt: no reason was given"],
    [
      end(CallbackState.EXPIRED, one(CallOutcome.BUSY)),
      "EXPIRED the next attempt could only have begun after 22:00:00, when it expires",
    ],
    [
      end(CallbackState.EXPIRED, { expireTime: after(50) }),
      "EXPIRED before any attempt, the target was not reached until 12:00:50",
    ],
  ];
  for (const [line, expected] of ends) assert.equal(line, `12:00:50 ${expected}`);
});

test("events missing at the front: what is left is told, and that something is missing", () => {
  const done = attempt(1, 10, 20, CallOutcome.BUSY);
  const versions = versionsOf({}, { at: 5, callbackRequest: { priority: Priority.LOW } }, { at: 20, attempts: [done] });
  const late: History = { events: eventsOf(versions).slice(1), complete: false };
  const life = told(lifeOf(newest(versions), late, telling(30)));
  assert.equal(life[0], "12:00:00 Created by crm");
  assert.ok(life.every((line) => !line.includes("Changed")));
  assert.ok(life.some((line) => line.includes("Attempt 1: BUSY")));
  assert.match(missingWords(late), /^Earlier changes are kept no longer/);
  assert.match(missingWords(NOTHING), /^The server keeps no changes/);
  assert.equal(missingWords({ events: [], complete: true }), "");
});

test("an erased callback has ids, times and its state only", () => {
  const erased = create(CallbackEventSchema, {
    type: CallbackEventType.REMOVED,
    eventTime: after(90),
    callback: { callbackId: "x", state: CallbackState.CANCELLED, createTime: after(0), endTime: after(80) },
  });
  const life = lifeOf(erased.callback ?? callback(), { events: [erased], complete: false }, telling(100));
  assert.deepEqual(told(life), [
    "12:00:00 Created",
    "12:01:20 CANCELLED",
    "12:01:30 Erased everything about its target was deleted; only ids, times and the state are left",
  ]);
});

test("a callback that is removed has nothing to come", () => {
  const gone = create(CallbackEventSchema, {
    type: CallbackEventType.REMOVED,
    eventTime: after(90),
    callback: callback(),
  });
  const life = lifeOf(callback(), { events: [gone], complete: false }, telling(100));
  assert.deepEqual(
    life.map(({ key }) => key),
    ["created", "removed"],
  );
});

test("states and outcomes of a newer server are named by their numbers", () => {
  const strange = callback({ state: newer(CallbackState, 42), attempts: [attempt(1, 10, 20, newer(CallOutcome, 77))] });
  const life = told(lifeOf(strange, NOTHING, telling(30)));
  assert.ok(life.some((line) => line.includes("Attempt 1: OUTCOME_77")));
  assert.ok(life.some((line) => line.includes("STATE_42 a state that this page does not have")));
});

test("a hundred attempts are all told, each once", () => {
  const attempts = Array.from({ length: 100 }, (_, index) =>
    attempt(index + 1, 10 + index * 20, 20 + index * 20, CallOutcome.NO_ANSWER),
  );
  const life = lifeOf(callback({ attempts, nextAttemptTime: after(3000) }), NOTHING, telling(2500));
  assert.equal(life.filter((entry) => entry.attempt).length, 100);
  assert.equal(life.filter((entry) => entry.place === "gap").length, 100);
  assert.equal(new Set(life.map(({ key }) => key)).size, life.length);
  const times = life.map(({ at }) => at ?? START);
  assert.deepEqual(
    times,
    [...times].sort((a, b) => a - b),
  );
});

test("clocks that were set back make no negative span", () => {
  const odd = attempt(1, 10, 5, CallOutcome.BUSY, { ringTime: after(8), offerTime: after(12) });
  const life = lifeOf(callback({ attempts: [odd] }), NOTHING, telling(3));
  const line = life.find((entry) => entry.attempt)?.attempt;
  assert.ok(line?.phases.every(({ ms, share }) => ms >= 0 && share >= 0 && share <= 1));
  assert.ok(line?.facts.every(({ value }) => !value.includes("-")));
});
