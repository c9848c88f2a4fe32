import assert from "node:assert/strict";
import test from "node:test";

import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { CallbackState, CallOutcome } from "ringback/v1/callback_pb.js";
import { type CallbackEvent, CallbackEventSchema, CallbackEventType } from "ringback/v1/callbacks_service_pb.js";
import { GetOutcomesResponseSchema } from "ringback/v1/directory_service_pb.js";

import { type Ending, Endings, Tally } from "../src/model/tally.js";
import { timestampOf } from "../src/model/times.js";

const NOW = Date.parse("2026-11-26T13:06:22Z");
const HALF = Date.parse("2026-11-26T13:00:00Z");

const S = CallbackState;

interface Told {
  id?: string;
  state: CallbackState;
  /** The outcomes of its attempts, and how many seconds ago each ended. */
  attempts?: [CallOutcome, number][];
  endedAgo?: number;
  /** When it happened, in seconds ago. */
  ago?: number;
  type?: CallbackEventType;
}

function event({
  id = "c",
  state,
  attempts = [],
  endedAgo,
  ago = 0,
  type = CallbackEventType.UPDATED,
}: Told): CallbackEvent {
  const before = (seconds: number) => timestampOf(NOW - seconds * 1000);
  return create(CallbackEventSchema, {
    type,
    eventTime: before(ago),
    callback: {
      callbackId: id,
      serviceId: "s",
      state,
      ...(endedAgo === undefined ? {} : { endTime: before(endedAgo) }),
      attempts: attempts.map(([outcome, seconds], i) => ({
        number: i + 1,
        outcome,
        ...(outcome === CallOutcome.UNSPECIFIED ? {} : { endTime: before(seconds) }),
      })),
    },
  });
}

const { BUSY, ANSWERED, BLOCKED, UNSPECIFIED } = CallOutcome;
const attempt = (outcome: CallOutcome, ago = 0) => ({ serviceId: "s", at: NOW - ago * 1000, outcome });
const end = (state: CallbackState, ago = 0) => ({ serviceId: "s", at: NOW - ago * 1000, state });

const ENDINGS: [what: string, told: Told, endings: Ending[]][] = [
  ["a retry follows", { state: S.SCHEDULED, attempts: [[BUSY, 0]] }, [attempt(BUSY)]],
  [
    "it is answered",
    { state: S.COMPLETED, attempts: [[ANSWERED, 0]], endedAgo: 0 },
    [attempt(ANSWERED), end(S.COMPLETED)],
  ],
  [
    "a rule forbids to dial it",
    { state: S.FAILED, attempts: [[BLOCKED, 0]], endedAgo: 0 },
    [attempt(BLOCKED), end(S.FAILED)],
  ],
  ["it expires", { state: S.EXPIRED, endedAgo: 0 }, [end(S.EXPIRED)]],
  ["it is created", { state: S.SCHEDULED, type: CallbackEventType.CREATED }, []],
  ["it is dialled", { state: S.DIALING, attempts: [[UNSPECIFIED, 0]] }, []],
  [
    "it is removed",
    { state: S.COMPLETED, attempts: [[ANSWERED, 0]], endedAgo: 0, type: CallbackEventType.REMOVED },
    [],
  ],
  // Folded while the tab was hidden.
  [
    "it is busy and dialled again",
    {
      state: S.DIALING,
      attempts: [
        [BUSY, 3],
        [UNSPECIFIED, 0],
      ],
    },
    [attempt(BUSY, 3)],
  ],
  [
    "it is busy twice",
    {
      state: S.SCHEDULED,
      attempts: [
        [BUSY, 3],
        [BUSY, 0],
      ],
    },
    [attempt(BUSY, 3), attempt(BUSY)],
  ],
];

for (const [what, told, endings] of ENDINGS) {
  void test(`what ends when ${what}`, () => assert.deepEqual(new Endings().of([event(told)]), endings));
}

void test("an event without a callback ends nothing", () => {
  assert.deepEqual(new Endings().of([create(CallbackEventSchema, { type: CallbackEventType.UPDATED })]), []);
});

void test("an end is told once, however often the callback changes after it", () => {
  const endings = new Endings();
  const told: Told = { state: S.SCHEDULED, attempts: [[BUSY, 100]], ago: 100 };
  assert.equal(endings.of([event(told)]).length, 1);
  assert.equal(endings.of([event({ ...told, state: S.QUEUED, ago: 99 })]).length, 0);
  assert.equal(endings.of([event({ id: "d", state: S.QUEUED, ago: 10 })]).length, 0);
  const answered = event({
    state: S.COMPLETED,
    attempts: [
      [BUSY, 100],
      [ANSWERED, 0],
    ],
    endedAgo: 0,
  });
  assert.deepEqual(endings.of([answered]), [attempt(ANSWERED), end(S.COMPLETED)]);
  assert.deepEqual(endings.of([answered]), []);
});

void test("an end that is told after a later one is not lost", () => {
  const endings = new Endings();
  endings.of([event({ state: S.EXPIRED, endedAgo: 0 })]);
  assert.deepEqual(endings.of([event({ id: "d", state: S.CANCELLED, endedAgo: 2, ago: 2 })]), [end(S.CANCELLED, 2)]);
});

void test("events add up to the same, however they are folded", () => {
  const outcomes = fc.array(fc.constantFrom(BUSY, CallOutcome.NO_ANSWER, CallOutcome.DECLINED), { maxLength: 8 });
  fc.assert(
    fc.property(
      fc.array(outcomes, { maxLength: 5 }),
      fc.array(fc.boolean(), { minLength: 40, maxLength: 40 }),
      (all, isTold) => {
        const endings = new Endings();
        const tally = new Tally(create(GetOutcomesResponseSchema, { serverTime: timestampOf(NOW - 1_000_000) }));
        let seconds = 0;
        let events = new Map<string, CallbackEvent>();
        const take = (): void => {
          for (const ending of endings.of([...events.values()])) tally.add(ending);
          events = new Map();
        };
        for (let i = 0; i < 8; i += 1) {
          for (const [id, each] of all.entries()) {
            if (i >= each.length) continue;
            const attempts = each.slice(0, i + 1).map((outcome, n): [CallOutcome, number] => [outcome, 999 - 50 * n]);
            events.set(String(id), event({ id: String(id), state: S.SCHEDULED, attempts, ago: 999 - 50 * i }));
            if (isTold[(seconds += 1)] === true) take();
          }
        }
        take();
        const counted = [...tally.attempts.cells()].reduce((sum, cell) => sum + cell.count, 0);
        assert.equal(counted, all.flat().length);
      },
    ),
  );
});

function counted(at: number): Tally {
  return new Tally(
    create(GetOutcomesResponseSchema, {
      serverTime: timestampOf(at),
      outcomes: [{ serviceId: "s", beginTime: timestampOf(HALF), outcome: CallOutcome.BUSY, count: 3 }],
      ends: [{ serviceId: "s", beginTime: timestampOf(HALF), state: S.COMPLETED, count: 2 }],
    }),
  );
}

void test("events are added to what was counted, but those that were counted already", () => {
  const tally = counted(NOW);
  for (const at of [NOW, NOW + 1]) {
    tally.add({ serviceId: "s", at, outcome: BUSY });
    tally.add({ serviceId: "s", at, state: S.FAILED });
  }
  assert.deepEqual([...tally.attempts.cells()], [{ serviceId: "s", halfHour: HALF, kind: CallOutcome.BUSY, count: 4 }]);
  assert.deepEqual(
    [...tally.ends.cells()].map(({ kind, count }) => [kind, count]),
    [
      [S.COMPLETED, 2],
      [S.FAILED, 1],
    ],
  );
});

void test("the time of the first is known where all of a half hour came as events, also after the next count", () => {
  const tally = counted(NOW);
  const outcome = CallOutcome.NOT_AUTHORIZED;
  tally.add({ serviceId: "s", at: NOW + 2000, outcome });
  tally.add({ serviceId: "s", at: NOW + 1000, outcome });
  tally.add({ serviceId: "s", at: NOW + 1000, outcome: CallOutcome.BUSY });
  assert.equal(tally.firstIn(HALF, outcome), NOW + 1000);
  assert.equal(tally.firstIn(HALF, CallOutcome.BUSY), null);
  const next = new Tally(
    create(GetOutcomesResponseSchema, {
      serverTime: timestampOf(NOW + 5000),
      outcomes: [{ serviceId: "s", beginTime: timestampOf(HALF), outcome, count: 2 }],
    }),
    tally,
  );
  assert.equal(next.firstIn(HALF, outcome), NOW + 1000);
});
