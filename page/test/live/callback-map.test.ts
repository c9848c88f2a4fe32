import assert from "node:assert/strict";
import test from "node:test";

import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { type Callback, CallbackSchema } from "ringback/v1/callback_pb.js";

import { CallbackMap } from "../../src/live/callbacks.js";

const copies = fc.array(
  fc
    .record({ callbackId: fc.constantFrom("a", "b", "c"), revision: fc.bigInt(1n, 9n) })
    .map((init) => create(CallbackSchema, init)),
);

test("of two copies the one with the larger revision stays, in whatever order they come", () => {
  fc.assert(
    fc.property(copies, (all) => {
      const map = new CallbackMap();
      map.apply(all);
      for (const { callbackId } of all) {
        const revisions = all.filter((each) => each.callbackId === callbackId).map(({ revision }) => revision);
        const newest = revisions.reduce((one, other) => (one > other ? one : other));
        assert.equal(map.get(callbackId)?.revision, newest);
      }
      assert.equal(map.size, new Set(all.map(({ callbackId }: Callback) => callbackId)).size);
    }),
  );
});

test("what was removed is not brought back by a page that was read before", () => {
  const map = new CallbackMap();
  map.remove("a");
  map.apply([create(CallbackSchema, { callbackId: "a", revision: 7n })]);
  assert.equal(map.get("a"), undefined);
});
