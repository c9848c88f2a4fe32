import assert from "node:assert/strict";
import test from "node:test";

import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { CallbackState, CallOutcome } from "ringback/v1/callback_pb.js";
import { GetOutcomesResponseSchema } from "ringback/v1/directory_service_pb.js";

import { sparkOf } from "../src/model/chart.js";
import { HALF_HOUR_MS, halfHourOf } from "../src/model/half-hours.js";
import { Tally } from "../src/model/tally.js";
import { timestampOf } from "../src/model/times.js";
import { answeredShare, countFrom, dayBegin, LastHour, sumOf, todayOf } from "../src/model/today.js";

const NOW = Date.parse("2026-11-26T13:06:22Z");
const MINUTE = 60_000;

void test("today is the reader's day", () => {
  const from = dayBegin(NOW, "Europe/Zurich");
  assert.equal(new Date(from).toISOString(), "2026-11-25T23:00:00.000Z");
  assert.equal(new Date(dayBegin(NOW, "Asia/Kathmandu")).toISOString(), "2026-11-25T18:00:00.000Z");
  const tally = new Tally(
    create(GetOutcomesResponseSchema, {
      ends: (
        [
          ["a", from, CallbackState.COMPLETED, 3],
          ["a", from, CallbackState.CANCELLED, 9],
          ["a", from - HALF_HOUR_MS, CallbackState.COMPLETED, 9],
          ["b", NOW, CallbackState.FAILED, 1],
          ["b", NOW, CallbackState.EXPIRED, 2],
        ] as const
      ).map(([serviceId, at, state, count]) => ({ serviceId, beginTime: timestampOf(at), state, count })),
    }),
  );
  const today = todayOf(tally, from);
  assert.deepEqual(today.get("a"), { answered: 3, failed: 0, expired: 0 });
  assert.deepEqual(sumOf(today.values()), { answered: 3, failed: 1, expired: 2 });
  assert.equal(answeredShare(sumOf(today.values())), 0.5);
  assert.equal(answeredShare(sumOf([])), null);
});

void test("just after midnight the last hour is counted, too", () => {
  const now = Date.parse("2026-11-25T23:10:00Z");
  assert.equal(new Date(countFrom(now, "Europe/Zurich")).toISOString(), "2026-11-25T22:00:00.000Z");
});

const ending = (at: number) => ({ serviceId: "a", at, outcome: CallOutcome.BUSY });

void test("the last hour is by five minutes since events came, and by what is left of the half hours before", () => {
  const since = Date.parse("2026-11-26T12:52:00Z");
  const hour = new LastHour(since);
  for (const minutes of [13, 12, 4, 1]) hour.add(ending(NOW - minutes * MINUTE));
  // The server has counted it before.
  hour.add(ending(since - 1));
  const [first, second, third] = [12, 12.5, 13].map((h) => Date.parse("2026-11-26T00:00:00Z") + h * 3_600_000);
  assert.ok(first !== undefined && second !== undefined && third !== undefined);
  const steps = hour.stepsOf(
    "a",
    new Map([
      [first, 6],
      [second, 9],
      [third, 2],
    ]),
    NOW,
  );
  const minute = (at: number): number => (at - first) / MINUTE;
  assert.deepEqual(
    steps.map(({ from, to, count }) => [minute(from), minute(to), count]),
    [
      [0, 30, 6],
      [30, 52, 7],
      [52, 55, 2],
      [55, 60, 0],
      [60, 65, 1],
      [65, 70, 1],
    ],
  );
});

void test("a page that is open for days keeps an hour", () => {
  const hour = new LastHour(NOW);
  for (let i = 0; i < 1000; i += 1) {
    hour.add(ending(NOW + i * MINUTE));
    hour.forget(NOW + i * MINUTE);
  }
  const now = NOW + 999 * MINUTE;
  const steps = hour.stepsOf("a", new Map(), now);
  assert.ok(steps.length <= 13);
  assert.ok(steps.reduce((sum, step) => sum + step.count, 0) <= 65);
});

void test("no attempt is drawn twice or lost, whenever the page was opened", () => {
  const minutes = fc.array(fc.integer({ min: 0, max: 59 }));
  fc.assert(
    fc.property(minutes, fc.integer({ min: 0, max: 70 }), (ends, opened) => {
      const since = NOW - opened * MINUTE;
      const hour = new LastHour(since);
      const counts = new Map<number, number>();
      for (const at of ends.map((each) => NOW - each * MINUTE)) {
        counts.set(halfHourOf(at), (counts.get(halfHourOf(at)) ?? 0) + 1);
        hour.add(ending(at));
      }
      const steps = hour.stepsOf("a", counts, NOW);
      assert.equal(
        steps.reduce((sum, step) => sum + step.count, 0),
        ends.length,
      );
      steps.forEach((step, i) => assert.ok(step.from < step.to && (i === 0 || steps[i - 1]?.to === step.from)));
    }),
  );
});

void test("a spark's columns are as wide as their times, and its highest is full", () => {
  const drawn = sparkOf(
    [
      { from: 0, to: 30, count: 6 },
      { from: 30, to: 35, count: 0 },
      { from: 35, to: 40, count: 2 },
    ],
    0,
    40,
  );
  assert.equal(drawn, "M0 20v-10H53v10zM63 20v-20H71v20z");
  assert.equal(sparkOf([{ from: 0, to: 30, count: 0 }], 0, 40), "");
});
