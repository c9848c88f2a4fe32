import assert from "node:assert/strict";
import test from "node:test";

import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { Priority } from "ringback/v1/callback_pb.js";
import { GetQueueResponseSchema, QueueState, ServiceSchema } from "ringback/v1/directory_service_pb.js";

import { leftOutWords, shownOnWall, wallLayout } from "../src/model/wall.js";

void test("text is as large as width and height let it", () => {
  assert.ok(wallLayout(1920, 1080, 8).remPx > 20);
  assert.ok(wallLayout(3840, 2160, 8).remPx > 40);
  assert.ok(wallLayout(1920, 1080, 14).remPx < wallLayout(1920, 1080, 8).remPx);
});

void test("all rows fit, until the text could not be read", () => {
  const sizes = fc.record({
    width: fc.integer({ min: 800, max: 8000 }),
    height: fc.integer({ min: 600, max: 5000 }),
    services: fc.integer({ min: 1, max: 60 }),
  });
  fc.assert(
    fc.property(sizes, ({ width, height, services }) => {
      const { remPx, rows } = wallLayout(width, height, services);
      const isSmallest = remPx <= Math.max(12, width / 110) + 0.01;
      assert.ok(isSmallest || rows >= services - 1e-9 || Math.abs(rows - services) < 1);
      assert.ok(remPx <= Math.max(12, width / 84) + 0.01);
    }),
  );
});

void test("where not all fit, services without anybody are left out, and the order stays", () => {
  const picture = (serviceId: string, state: QueueState, count = 0, inProgress = 0) => ({
    service: create(ServiceSchema, { serviceId }),
    queue: create(GetQueueResponseSchema, { state, inProgress, waiting: [{ priority: Priority.LOW, count }] }),
  });
  const all = [
    picture("a", QueueState.OPEN),
    picture("b", QueueState.OPEN, 1),
    picture("c", QueueState.PAUSED),
    picture("d", QueueState.CLOSED),
    picture("e", QueueState.OPEN, 0, 1),
  ];
  const ids = (rows: number): string =>
    shownOnWall(all, rows)
      .map(({ service }) => service.serviceId)
      .join("");
  assert.equal(ids(5), "abcde");
  assert.equal(ids(4), "bce");
  // Even so there is room for one: that it needs attention comes before how many wait.
  assert.equal(ids(2), "c");
  assert.equal(leftOutWords(all, shownOnWall(all, 5)), "");
  assert.equal(leftOutWords(all, shownOnWall(all, 4)), "2 services more: nobody waits, and no call is in progress.");
  assert.match(
    leftOutWords(all, shownOnWall(all, 2)),
    /^2 services more that there is no room for: .* 2 services more: /,
  );
});
