import assert from "node:assert/strict";
import { test } from "node:test";

import { create } from "@bufbuild/protobuf";
import { CallbackState, CallOutcome } from "ringback/v1/callback_pb.js";
import { GetQueueResponseSchema, ServiceSchema } from "ringback/v1/directory_service_pb.js";

import { type Act, planIsOpen, sentence } from "../src/acts/sentences.js";
import { pauseSentence, resumeSentence } from "../src/acts/service-sentences.js";
import type { Picture } from "../src/model/queue.js";
import { stateWord } from "../src/model/words.js";
import { after, attempt, callback, newer, telling } from "./world/lives.js";

const S = CallbackState;
const writing = telling(0);

// Each state and what it says of itself; then for each act: possible, and a part of what happens or why not.
const TABLE: [CallbackState, string, Record<Act, [boolean, RegExp]>][] = [
  [
    S.SCHEDULED,
    "It is SCHEDULED for 12:05:00; nobody's phone is ringing.",
    {
      cancel: [true, /^It ends as CANCELLED at once\. Its 1 attempt stays on record\. If crm watches, it is told\.$/],
      reschedule: [true, /^It waits for the new time/],
      change: [true, /^What you change counts from now on/],
    },
  ],
  [
    S.QUEUED,
    "It is QUEUED at position 4; nobody's phone is ringing.",
    {
      cancel: [true, /^It ends as CANCELLED at once\./],
      reschedule: [true, /^With a new due date it gets the place of that time/],
      change: [true, /^What you change counts from now on/],
    },
  ],
  [
    S.OFFERED,
    "It is OFFERED to sip-1: an agent may be looking at it, and nobody's phone is ringing.",
    {
      cancel: [true, /CANCELLED at once, and the offer is withdrawn\./],
      reschedule: [false, /A dialer has it: it is too late/],
      change: [true, /^Only what the agent reads can change now/],
    },
  ],
  [
    S.DIALING,
    "It is DIALING, by sip-1: the phone may be ringing.",
    {
      cancel: [
        true,
        /^It becomes CANCELLING, and the dialer is told to hang up\. It ends as CANCELLED, or as COMPLETED/,
      ],
      reschedule: [false, /A dialer has it/],
      change: [true, /^Only what the agent reads/],
    },
  ],
  [
    S.CONNECTED,
    "It is CONNECTED, by sip-1: the target has answered.",
    {
      cancel: [false, /It is too late to cancel\.$/],
      reschedule: [false, /It is too late to change when it is dialled\.$/],
      change: [true, /^Only what the agent reads/],
    },
  ],
  [
    S.CANCELLING,
    "It is CANCELLING: sip-1 is to hang up.",
    {
      cancel: [false, /It has been cancelled already\.$/],
      reschedule: [false, /It is too late to change when it is dialled\.$/],
      change: [true, /^Only what the agent reads/],
    },
  ],
  ...([S.COMPLETED, S.FAILED, S.CANCELLED, S.EXPIRED] as const).map(
    (state): [CallbackState, string, Record<Act, [boolean, RegExp]>] => [
      state,
      `It ended as ${S[state]} at 12:01:30.`,
      {
        cancel: [false, /It changes no more\.$/],
        reschedule: [false, /It changes no more\.$/],
        change: [false, /It changes no more\.$/],
      },
    ],
  ),
  [
    newer(S, 42),
    "It is STATE_42, a state that this page does not have.",
    {
      cancel: [true, /^The server says whether/],
      reschedule: [true, /^The server says whether/],
      change: [true, /^The server says whether/],
    },
  ],
];

test("the table has every state", () => {
  const states = Object.values(S).filter(
    (state): state is CallbackState => typeof state === "number" && state !== S.UNSPECIFIED,
  );
  assert.deepEqual(
    states.filter((state) => !TABLE.some(([other]) => other === state)),
    [],
  );
});

for (const [state, now, acts] of TABLE) {
  for (const act of ["cancel", "reschedule", "change"] as const) {
    test(`${act} of what is ${stateWord(state)}`, () => {
      const said = sentence(
        act,
        callback({
          state,
          leasedBy: "sip-1",
          endTime: after(90),
          attempts: [attempt(1, 10, 20, CallOutcome.BUSY)],
        }),
        { position: 4 },
        writing,
      );
      const [possible, happens] = acts[act];
      assert.equal(said.possible, possible);
      assert.ok(said.now.startsWith(now), said.now);
      assert.match(possible ? said.happens : said.now, happens);
      assert.equal(said.final !== "", possible && !said.happens.startsWith("The server says"));
    });
  }
}

test("what a cancel says where less is known", () => {
  const said = sentence(
    "cancel",
    callback({ state: S.QUEUED, callbackRequest: { callerId: "" } }),
    { position: 0 },
    writing,
  );
  assert.equal(said.now, "It is QUEUED; nobody's phone is ringing.");
  assert.equal(said.happens, "It ends as CANCELLED at once.");
  assert.equal(said.final, "This cannot be undone.");
});

test("the plan is open while it waits, and of a state that is not known here", () => {
  const open = [...Array(11).keys(), 42].map((state) => newer(S, state)).filter(planIsOpen);
  assert.deepEqual(open, [S.UNSPECIFIED, S.SCHEDULED, S.QUEUED, newer(S, 42)]);
});

function seen(paused: boolean, more: { capacity?: number; inProgress?: number; offered?: number } = {}): Picture {
  return {
    service: create(ServiceSchema, {
      displayName: "Sales",
      paused,
      maxConcurrentCalls: more.capacity ?? 12,
    }),
    queue: create(GetQueueResponseSchema, {
      waiting: [{ count: 20 }, { count: 3 }],
      inProgress: more.inProgress ?? 12,
      inProgressByState: [{ state: S.OFFERED, count: more.offered ?? 0 }],
      pauseTime: after(60),
      pausedBy: "ops",
    }),
  };
}

test("pausing a service says how many wait and what becomes of calls", () => {
  const said = pauseSentence(seen(false, { offered: 1 }), writing);
  assert.equal(said.now, "23 callbacks wait and 12 callbacks are in progress.");
  assert.equal(
    said.happens,
    "No callback of Sales is handed to a dialer until it is resumed. The 11 calls in progress go on to the end. " +
      "1 callback that is offered but not dialled keeps its place.",
  );
  assert.equal(said.possible, true);
  assert.equal(pauseSentence(seen(true), writing).possible, false);
});

test("resuming a service says since when it is paused, and what is dialled then", () => {
  const said = resumeSentence(seen(true), writing);
  assert.equal(said.now, "Sales is paused since 12:01:00 by ops. 23 callbacks wait and 12 callbacks are in progress.");
  assert.equal(said.happens, "Callbacks of Sales are handed to dialers again, at most 12 at a time, while it is open.");
  assert.match(resumeSentence(seen(true, { capacity: 0 }), writing).happens, /max_concurrent_calls is 0/);
  assert.equal(resumeSentence(seen(false), writing).possible, false);
});
