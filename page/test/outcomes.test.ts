import assert from "node:assert/strict";
import test from "node:test";

import { create } from "@bufbuild/protobuf";
import { CallbackState, CallOutcome } from "ringback/v1/callback_pb.js";
import { GetOutcomesResponseSchema, ServiceSchema } from "ringback/v1/directory_service_pb.js";

import { HALF_HOUR_MS } from "../src/model/half-hours.js";
import {
  endsOf,
  figuresOf,
  matrixOf,
  type OutcomeFigure,
  OUTCOMES,
  rangeHalfHours,
  treatment,
  unusualHalfHours,
  weekBeforeEach,
} from "../src/model/outcomes.js";
import { Tally } from "../src/model/tally.js";
import { timestampOf } from "../src/model/times.js";

const ZONE = "Europe/Zurich";
const NOW = Date.parse("2026-11-26T13:06:22Z");

type Row = [serviceId: string, at: number, outcome: CallOutcome, count: number];

function tally(...rows: Row[]): Tally {
  return new Tally(
    create(GetOutcomesResponseSchema, {
      serverTime: timestampOf(NOW),
      outcomes: rows.map(([serviceId, at, outcome, count]) => ({
        serviceId,
        beginTime: timestampOf(at),
        outcome,
        count,
      })),
    }),
  );
}

function figure(figures: readonly OutcomeFigure[], outcome: CallOutcome): OutcomeFigure {
  const found = figures.find((each) => each.outcome === outcome);
  assert.ok(found);
  return found;
}

void test("a range is covered whole, with the half hour that is not over", () => {
  assert.deepEqual(
    (["1h", "6h", "24h", "7d"] as const).map((range) => rangeHalfHours(range, NOW).length),
    [3, 13, 49, 337],
  );
  assert.equal(rangeHalfHours("1h", NOW)[0], Date.parse("2026-11-26T12:00:00Z"));
});

void test("last week has the same times of day, also when clocks have changed since", () => {
  const times = rangeHalfHours("24h", Date.parse("2026-10-27T13:06:00Z"));
  const before = weekBeforeEach(times, ZONE);
  assert.equal(new Date(before[0] ?? 0).toISOString(), "2026-10-19T12:00:00.000Z");
  assert.equal(new Date(before.at(-1) ?? 0).toISOString(), "2026-10-20T12:00:00.000Z");
  const across = weekBeforeEach(rangeHalfHours("6h", Date.parse("2026-10-25T03:40:00Z")), ZONE);
  // 02:00 and 02:30 came twice that night, and once the week before.
  assert.equal(across.length - new Set(across).size, 2);
});

const times = rangeHalfHours("24h", NOW);
const at = (i: number): number => times[i] ?? NaN;
const weekAgo = (i: number): number => at(i) - 7 * 48 * HALF_HOUR_MS;

void test("a figure has its total, its peak and the difference of the whole half hours", () => {
  const now = tally(
    ["a", at(3), CallOutcome.BUSY, 4],
    ["b", at(3), CallOutcome.BUSY, 2],
    ["a", at(48), CallOutcome.BUSY, 1],
  );
  const last = tally(["a", weekAgo(3), CallOutcome.BUSY, 1], ["a", weekAgo(48), CallOutcome.BUSY, 30]);
  const busy = figure(figuresOf(now, last, times, ZONE), CallOutcome.BUSY);
  assert.deepEqual([busy.total, busy.peak, busy.peakAt, busy.difference], [7, 6, at(3), 5]);
  assert.equal(busy.lastWeek?.[48], 30);
});

void test("without counts of last week nothing is compared", () => {
  for (const last of [null, tally()]) {
    const figures = figuresOf(
      tally(["a", at(3), CallOutcome.BUSY, 40], ["a", at(3), CallOutcome.BLOCKED, 1]),
      last,
      times,
      ZONE,
    );
    for (const each of figures) {
      assert.deepEqual([each.lastWeek, each.difference, each.mark], [null, null, null]);
    }
  }
});

void test("all outcomes are shown in one order, and those of a newer server after them", () => {
  const figures = figuresOf(tally(["a", at(0), JSON.parse("77") as CallOutcome, 1]), null, times, ZONE);
  assert.deepEqual(
    figures.map((each) => each.outcome),
    [...OUTCOMES, 77],
  );
});

void test("a half hour stands out when last week's and its neighbours' are far below", () => {
  const others = [9, 9, 9, 9, 9];
  const unusual = unusualHalfHours({ counts: [4, 5, 23, 24, 24], others }, { counts: [0, 0, 0, 10, 0], others });
  assert.deepEqual(unusual, [false, true, false, true, true]);
});

void test("where ten times as much is dialled, ten times as many are usual", () => {
  const lastWeek = { counts: [2, 2, 2], others: [10, 10, 10] };
  assert.deepEqual(unusualHalfHours({ counts: [20, 20, 71], others: [10, 100, 100] }, lastWeek), [true, false, true]);
  // Nothing was dialled then: there is no usual.
  const nothing = { counts: [0], others: [0] };
  assert.deepEqual(unusualHalfHours({ counts: [20], others: [100] }, nothing), [false]);
});

void test("what stands out is told with its times", () => {
  const last = tally(["a", weekAgo(0), CallOutcome.NO_ANSWER, 1]);
  const marked = (...rows: Row[]) => figuresOf(tally(...rows), last, times, ZONE);
  const busy = (...places: number[]): Row[] => places.map((i) => ["a", at(i), CallOutcome.BUSY, 40]);
  assert.deepEqual(figure(marked(...busy(45, 46, 47)), CallOutcome.BUSY).mark, { kind: "since", from: at(45) });
  assert.deepEqual(figure(marked(...busy(48)), CallOutcome.BUSY).mark, { kind: "since", from: at(48) });
  assert.deepEqual(figure(marked(...busy(3, 10, 11)), CallOutcome.BUSY).mark, {
    kind: "between",
    from: at(10),
    to: at(12),
  });
  assert.equal(figure(marked(["a", at(3), CallOutcome.ANSWERED, 400]), CallOutcome.ANSWERED).mark, null);
  assert.deepEqual(figure(marked(["a", at(3), CallOutcome.BLOCKED, 1]), CallOutcome.BLOCKED).mark, {
    kind: "first",
    at: at(3),
    exact: false,
  });
});

void test("NOT_AUTHORIZED stands out in any week, to the second when it came as an event", () => {
  const now = tally();
  now.add({ serviceId: "a", at: NOW + 1000, outcome: CallOutcome.NOT_AUTHORIZED });
  const shown = figure(figuresOf(now, null, times, ZONE), CallOutcome.NOT_AUTHORIZED);
  assert.deepEqual(shown.mark, { kind: "first", at: NOW + 1000, exact: true });
  assert.equal(shown.unusual[48], true);
});

void test("the matrix has each service with its share of answered attempts", () => {
  const rows = matrixOf(
    tally(
      ["a", at(0), CallOutcome.ANSWERED, 3],
      ["a", at(1), CallOutcome.BUSY, 1],
      ["b", at(0), CallOutcome.BUSY, 2],
      ["c", 0, CallOutcome.BUSY, 2],
    ),
    times,
  );
  assert.deepEqual(
    rows.map(({ serviceId, attempts, answeredShare }) => [serviceId, attempts, answeredShare]),
    [
      ["a", 4, 0.75],
      ["b", 2, 0],
    ],
  );
  assert.equal(rows[0]?.counts.get(CallOutcome.BUSY), 1);
});

void test("the ends of callbacks are counted by state", () => {
  const counts = tally();
  counts.add({ serviceId: "a", at: NOW + 1, state: CallbackState.EXPIRED });
  assert.deepEqual([...endsOf(counts, times)], [[CallbackState.EXPIRED, 1]]);
});

void test("whether an outcome is retried is as the services say", () => {
  const service = (outcome: CallOutcome, rule: { retry?: boolean; maxRetries?: number }) =>
    create(ServiceSchema, { retryRules: [{ outcome, ...rule }] });
  const plain = create(ServiceSchema);
  assert.equal(treatment(CallOutcome.BUSY, []), "retried");
  assert.equal(treatment(CallOutcome.BLOCKED, []), "permanent");
  assert.equal(treatment(CallOutcome.BUSY, [plain]), "retried");
  assert.equal(
    treatment(CallOutcome.BUSY, [plain, service(CallOutcome.BUSY, { retry: false })]),
    "retried in 1 of 2 services",
  );
  assert.equal(treatment(CallOutcome.BUSY, [service(CallOutcome.BUSY, { maxRetries: 0 })]), "permanent");
  assert.equal(treatment(CallOutcome.BLOCKED, [service(CallOutcome.BLOCKED, { retry: true })]), "retried");
});
