import assert from "node:assert/strict";
import test from "node:test";

import { foldQueues } from "../../src/live/queues.js";
import type { Picture } from "../../src/model/queue.js";
import type { QueueChanges } from "../../src/live/protocol.js";
import { queue, service } from "./world.js";

function changes(init: Partial<QueueChanges>): QueueChanges {
  return { whole: false, queues: [], services: [], removed: [], complete: true, ...init };
}

function shown(pictures: ReadonlyMap<string, Picture>): string[] {
  return [...pictures].map(([id, { service, queue }]) => `${id} ${service.displayName} ${queue.capacity}`);
}

const FIRST = foldQueues(
  new Map(),
  changes({
    whole: true,
    services: [service("1", "Support 10"), service("2", "Support 9"), service("3", "Claims"), service("4", "Half")],
    queues: [queue("1"), queue("2"), queue("3"), queue("9")],
  }),
);

test("queues are in the order of the names that people read, and whole ones only", () => {
  assert.deepEqual(shown(FIRST), ["3 Claims 1", "2 Support 9 1", "1 Support 10 1"]);
});

test("what has changed takes the place of what was, and a new name its own place", () => {
  const next = foldQueues(
    FIRST,
    changes({ services: [service("1", "Alpha")], queues: [queue("2", 7)], removed: ["3"] }),
  );
  assert.deepEqual(shown(next), ["1 Alpha 1", "2 Support 9 7"]);
  assert.equal(FIRST.size, 3);
});

test("a whole picture leaves nothing of the one before", () => {
  const next = foldQueues(FIRST, changes({ whole: true, services: [service("5", "New")], queues: [queue("5")] }));
  assert.deepEqual(shown(next), ["5 New 1"]);
});
