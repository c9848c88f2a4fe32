import assert from "node:assert/strict";
import test from "node:test";

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { CallbackState, Priority } from "ringback/v1/callback_pb.js";
import { GetQueueResponseSchema, QueueState, ServiceSchema } from "ringback/v1/directory_service_pb.js";

import {
  attentionCount,
  attentionOf,
  estimateOf,
  levelsOf,
  nameOf,
  needsAttention,
  oldestWait,
  openingTime,
  type Picture,
  roughSpan,
  slotsOf,
  slotWords,
  stateDetail,
  totalsOf,
} from "../src/model/queue.js";
import { timestampOf } from "../src/model/times.js";

const ZONE = "Europe/Zurich";
const NOW = Date.parse("2026-11-26T13:06:22Z");
const MINUTE = 60_000;
const time = (text: string) => timestampOf(Date.parse(text));
const ago = (minutes: number) => timestampOf(NOW - minutes * MINUTE);

function picture(
  queue: MessageInitShape<typeof GetQueueResponseSchema>,
  service: MessageInitShape<typeof ServiceSchema> = {},
): Picture {
  return {
    queue: create(GetQueueResponseSchema, queue),
    service: create(ServiceSchema, {
      displayName: "Sales",
      sipAddress: "sip:sales@example.com",
      timeZone: ZONE,
      priorityWeights: [7, 6, 5, 4, 3, 2, 1],
      ...service,
    }),
  };
}

const DETAILS: [queue: MessageInitShape<typeof GetQueueResponseSchema>, detail: string, attention: string | null][] = [
  [
    { state: QueueState.NO_DIALER, capacity: 5, noDialerSince: time("2026-11-26T12:54:10Z") },
    "since 13:54:10",
    "Sales has no dialer",
  ],
  [{ state: QueueState.NO_DIALER, capacity: 5 }, "", "Sales has no dialer"],
  [{ state: QueueState.NO_DIALER }, "and capacity is 0", "Sales has no dialer"],
  [
    { state: QueueState.PAUSED, pausedBy: "ops", pauseTime: time("2026-11-26T12:41:03Z") },
    "since 13:41:03 by ops",
    "Sales is paused",
  ],
  [{ state: QueueState.PAUSED, pauseTime: time("2026-11-25T12:41:03Z") }, "since 25 Nov 13:41:03", "Sales is paused"],
  [{ state: QueueState.PAUSED }, "", "Sales is paused"],
  [{ state: QueueState.DIALING_OFF, pausedBy: "ops" }, "capacity is 0 by ops", "Sales does not dial"],
  [{ state: QueueState.DIALING_OFF }, "capacity is 0", "Sales does not dial"],
  [
    { state: QueueState.AGENTS_DO_NOT_ANSWER, agentsRestUntil: time("2026-11-26T13:07:00Z") },
    "rests until 14:07:00",
    "Agents of Sales do not answer",
  ],
  [{ state: QueueState.BEHIND, expiring: 29 }, "29 will expire first", "Sales is behind"],
  [{ state: QueueState.BEHIND, expiring: 10_000 }, "10,000 or more will expire first", "Sales is behind"],
  [{ state: QueueState.CLOSED, nextOpenTime: time("2026-11-27T06:00:00Z") }, "until Fri 07:00", null],
  [{ state: QueueState.CLOSED }, "no opening within a year", null],
  [{ state: QueueState.OPEN, nextCloseTime: time("2026-11-26T17:00:00Z") }, "until 18:00", null],
  [{ state: QueueState.OPEN }, "at all hours", null],
  // One that a newer server has.
  [{ state: JSON.parse("42") as QueueState }, "", null],
];

for (const [queue, detail, attention] of DETAILS) {
  void test(`state ${String(queue.state)} says ${JSON.stringify(detail)}`, () => {
    const shown = picture(queue);
    assert.equal(stateDetail(shown, NOW, ZONE), detail);
    assert.equal(needsAttention(shown) ? attentionOf(shown) : null, attention);
  });
}

void test("a service without a name has that of its address, or its id", () => {
  assert.equal(nameOf(create(ServiceSchema, { displayName: "A", sipAddress: "sip:a@b" })), "A");
  assert.equal(nameOf(create(ServiceSchema, { sipAddress: "sip:a@b", serviceId: "1" })), "sip:a@b");
  assert.equal(nameOf(create(ServiceSchema, { serviceId: "1" })), "1");
});

const OPENINGS: [at: string, serviceZone: string, shown: string][] = [
  ["2026-11-26T17:30:00Z", "Europe/London", "17:30 London"],
  ["2026-11-26T17:00:00Z", "Europe/Berlin", "18:00"],
  ["2026-12-02T06:00:00Z", ZONE, "Wed 07:00"],
  ["2026-12-03T06:00:00Z", ZONE, "3 Dec 07:00"],
  // On the next day in Tokyo already.
  ["2026-11-26T22:00:00Z", "Asia/Tokyo", "Fri 07:00 Tokyo"],
  ["2026-11-26T17:00:00Z", "Mars/Olympus", "18:00"],
  ["2026-11-26T17:00:00Z", "", "18:00"],
];

for (const [at, serviceZone, shown] of OPENINGS) {
  void test(`an opening at ${at} in ${serviceZone || "no zone"} is ${shown}`, () => {
    assert.equal(openingTime(Date.parse(at), NOW, serviceZone, ZONE), shown);
  });
}

const waiting = (priority: Priority, count: number, minutes: number) => ({
  priority,
  count,
  oldestWaitingTime: ago(minutes),
});

void test("a wait over 15 minutes is long, that of NOTHING_ELSE never, and any where nothing is dialled", () => {
  const isLong = (state: QueueState, level: ReturnType<typeof waiting>): boolean | undefined =>
    oldestWait(picture({ state, waiting: [level], oldestWaitingTime: level.oldestWaitingTime }), NOW)?.isLong;
  assert.equal(isLong(QueueState.OPEN, waiting(Priority.HIGH, 1, 15)), false);
  assert.equal(isLong(QueueState.OPEN, waiting(Priority.HIGH, 1, 16)), true);
  assert.equal(isLong(QueueState.OPEN, waiting(Priority.NOTHING_ELSE, 1, 72)), false);
  assert.equal(isLong(QueueState.BEHIND, waiting(Priority.LOW, 1, 2)), false);
  assert.equal(isLong(QueueState.NO_DIALER, waiting(Priority.LOW, 1, 2)), true);
  assert.equal(oldestWait(picture({ state: QueueState.PAUSED }), NOW), null);
});

void test("estimates are in words that are read at a glance", () => {
  assert.deepEqual([40_000, 290_000, 400_000, 2_280_000, 4_320_000].map(roughSpan), [
    "40 s",
    "4 min 50 s",
    "6 min 40 s",
    "38 min",
    "1 h 12 min",
  ]);
  assert.equal(estimateOf(picture({ state: QueueState.OPEN, estimatedWait: { seconds: 290n } })), "4 min 50 s");
  assert.equal(estimateOf(picture({ state: QueueState.OPEN })), "—");
  assert.equal(estimateOf(picture({ state: QueueState.PAUSED })), "paused");
  assert.equal(estimateOf(picture({ state: QueueState.DIALING_OFF })), "none");
  assert.equal(estimateOf(picture({ state: QueueState.NO_DIALER, estimatedWait: { seconds: 290n } })), "none");
  assert.equal(estimateOf(picture({ state: QueueState.CLOSED, scheduled: 58 })), "58 scheduled");
  assert.equal(estimateOf(picture({ state: QueueState.CLOSED })), "closed");
});

void test("the slots of a service add up to its capacity, or to its calls when there are more", () => {
  const parts = (talking: number, ringing: number, offered: number, cancelling: number) => [
    { state: CallbackState.OFFERED, count: offered },
    { state: CallbackState.DIALING, count: ringing },
    { state: CallbackState.CONNECTED, count: talking },
    { state: CallbackState.CANCELLING, count: cancelling },
  ];
  const { queue } = picture({ inProgress: 13, capacity: 16, inProgressByState: parts(7, 3, 2, 1) });
  assert.deepEqual(slotsOf(queue), { talking: 7, ringing: 4, offered: 2, free: 3 });
  assert.equal(slotWords(queue), "7 talk, 3 ring, 1 cancelling, 2 offered");
  const lowered = picture({ inProgress: 6, capacity: 4, inProgressByState: parts(6, 0, 0, 0) }).queue;
  assert.deepEqual(slotsOf(lowered), { talking: 6, ringing: 0, offered: 0, free: 0 });
  assert.equal(slotWords(picture({ capacity: 4 }).queue), "idle");
  assert.equal(slotWords(picture({ capacity: 0 }).queue), "nothing is dialled");
});

void test("the next grants are shared by the weights of the levels that wait", () => {
  const shares = (levels: [Priority, number][], priorityWeights = [7, 6, 5, 4, 3, 2, 1]): string[] =>
    levelsOf(picture({ waiting: levels.map(([priority, count]) => ({ priority, count })) }, { priorityWeights })).map(
      (level) => level.share,
    );
  assert.deepEqual(
    shares([
      [Priority.STRICT_PRIORITY, 1],
      [Priority.HIGHEST, 2],
      [Priority.VERY_HIGH, 4],
      [Priority.HIGH, 5],
      [Priority.NORMAL, 8],
      [Priority.LOW, 2],
      [Priority.VERY_LOW, 1],
      [Priority.LOWEST, 0],
      [Priority.NOTHING_ELSE, 0],
    ]),
    ["first", "7 of 27", "6 of 27", "5 of 27", "4 of 27", "3 of 27", "2 of 27", "—", "when idle"],
  );
  assert.deepEqual(
    shares(
      [
        [Priority.HIGHEST, 1],
        [Priority.LOWEST, 1],
      ],
      [50, 1, 1, 1, 1, 1, 10],
    ),
    ["—", "50 of 60", "—", "—", "—", "—", "—", "10 of 60", "when idle"],
  );
});

void test("the sums are over all services, and name those that need attention", () => {
  const totals = totalsOf([
    picture({ waiting: [waiting(Priority.HIGH, 3, 5)], oldestWaitingTime: ago(5), inProgress: 2, capacity: 8 }),
    picture({
      state: QueueState.PAUSED,
      waiting: [waiting(Priority.LOW, 4, 9)],
      oldestWaitingTime: ago(9),
      dueWithinHour: 7,
    }),
  ]);
  assert.deepEqual(
    { ...totals, attention: totals.attention.length },
    { waiting: 7, oldestAt: NOW - 9 * MINUTE, inProgress: 2, capacity: 8, dueWithinHour: 7, attention: 1 },
  );
  assert.equal(attentionCount(1, 1), "1 of 1 service needs attention");
  assert.equal(attentionCount(4, 8), "4 of 8 services need attention");
  assert.equal(attentionCount(0, 8), "no service needs attention");
});
