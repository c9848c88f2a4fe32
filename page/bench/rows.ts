// What the list costs for a minute of 500 changes a second among 10,000 callbacks: `npm run bench`.
import { create } from "@bufbuild/protobuf";
import { type Callback, CallbackSchema, CallbackState, Priority } from "ringback/v1/callback_pb.js";
import { type CallbackEvent, CallbackEventSchema, CallbackEventType } from "ringback/v1/callbacks_service_pb.js";

import { Picture, PAGE_SIZE, type Source } from "../src/callbacks/picture.js";
import { parseFilter } from "../src/model/filter.js";
import { timestampOf } from "../src/model/moments.js";
import { ORDERS } from "../src/model/order.js";

const CALLBACKS = 10_000;
const BATCHES = 600;
const BATCH = 50;
const PRIORITIES = [Priority.HIGH, Priority.NORMAL, Priority.LOW];
const NOW = Date.UTC(2027, 2, 4, 13, 6, 22);
const STATES = [CallbackState.QUEUED, CallbackState.DIALING, CallbackState.SCHEDULED, CallbackState.COMPLETED];

function callbackOf(number: number, revision: number): Callback {
  const state = STATES[(number + revision) % STATES.length] ?? CallbackState.QUEUED;
  const due = timestampOf(NOW * 1000 + ((number * 7919) % 3600) * 1e6);
  return create(CallbackSchema, {
    callbackId: `0199${String(number).padStart(4, "0")}-0000-7000-8000-${String(number).padStart(12, "0")}`,
    state,
    dialTarget: `tel:+4420794${String(number).padStart(5, "0")}`,
    serviceId: "11111111-1111-4111-8111-111111111111",
    revision: BigInt(revision),
    dueTime: due,
    nextAttemptTime: due,
    createTime: due,
    ...(state === CallbackState.COMPLETED && { endTime: due }),
    callbackRequest: {
      priority: PRIORITIES[number % PRIORITIES.length] ?? Priority.NORMAL,
      callerId: "crm",
      labels: { campaign: "autumn" },
    },
  });
}

const first = Array.from({ length: CALLBACKS }, (_, number) => callbackOf(number, 0)).reverse();
const source: Source = {
  list: (_, token) => {
    const start = Number(token);
    const end = start + PAGE_SIZE;
    return Promise.resolve({
      callbacks: first.slice(start, end),
      nextPageToken: end < first.length ? String(end) : "",
    });
  },
  lookups: () => Promise.resolve({ idsOfSips: [], target: null, ownCaller: "" }),
  selected: () => Promise.resolve([]),
  now: () => NOW,
};

/** One change in ten is a new callback, where `grows`; the others change what is there. */
function batchesOf(grows: boolean): CallbackEvent[][] {
  let next = CALLBACKS;
  return Array.from({ length: BATCHES }, (_, batch) =>
    Array.from({ length: BATCH }, (_, at) => {
      const number = grows && at % 10 === 0 ? next++ : (batch * BATCH + at * 37) % CALLBACKS;
      const callback = callbackOf(number, 1 + batch);
      return create(CallbackEventSchema, { type: CallbackEventType.UPDATED, callback });
    }),
  );
}

function tell(name: string, spans: number[], growthBytes: number): void {
  spans.sort((one, other) => one - other);
  const at = (share: number) => (spans[Math.min(Math.floor(spans.length * share), spans.length - 1)] ?? 0).toFixed(2);
  const sum = spans.reduce((total, span) => total + span, 0);
  console.log(
    `${name.padEnd(44)} ${at(0.5).padStart(8)} ${at(0.95).padStart(8)} ${at(1).padStart(8)} ${sum.toFixed(0).padStart(8)} ${(growthBytes / 1e6).toFixed(1).padStart(9)}`,
  );
}

function heapBytes(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

function timed(run: () => void): number {
  const begun = performance.now();
  run();
  return performance.now() - begun;
}

async function pictureOf(query: string): Promise<Picture> {
  const picture = new Picture(parseFilter(new URLSearchParams(query), NOW), source, () => undefined);
  await picture.read();
  return picture;
}

console.log(
  `${"ms".padEnd(44)} ${["p50", "p95", "most", "in all"].map((word) => word.padStart(8)).join(" ")}  grown MB`,
);
for (const [name, query, follows] of [
  ["read at one place, no filter", "", false],
  ["read at one place, by state", "state=QUEUED,DIALING&caller=crm", false],
  ["followed at the top", "sort=newest", true],
  ["a rolling filter, with a tick each second", "due_before=1h", true],
] as const) {
  const batches = batchesOf(follows);
  const picture = await pictureOf(query);
  const before = heapBytes();
  const spans = batches.map((events, index) =>
    timed(() => {
      picture.apply(events, index * 100);
      picture.rows.unmark(index * 100 - 2000);
      if (index % 10 === 9 && follows) picture.rows.enter(60);
      if (index % 10 === 9) picture.tick(index * 100);
    }),
  );
  tell(name, spans, heapBytes() - before);
}
const picture = await pictureOf("");
for (const order of Object.keys(ORDERS) as (keyof typeof ORDERS)[]) {
  tell(`show all, ${ORDERS[order]}`, [timed(() => picture.rows.showAll(order))], 0);
}
