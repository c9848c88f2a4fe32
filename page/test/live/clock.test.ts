import assert from "node:assert/strict";
import test from "node:test";

import fc from "fast-check";

import { Rate } from "../../src/live/rate.js";
import { ClockSkew } from "../../src/live/skew.js";

test("a response that was held up says nothing of the clock", () => {
  const skew = new ClockSkew();
  assert.equal(skew.offset, 0);
  for (const difference of [60_000, 59_100, 59_980, 58_000]) skew.add(difference);
  assert.equal(skew.offset, 60_000);
});

test("a clock that was set ahead counts at once, one that was set back after three responses", () => {
  const skew = new ClockSkew();
  for (const difference of [0, 0, 0, 0]) skew.add(difference);
  skew.add(3_600_000);
  assert.equal(skew.offset, 3_600_000);
  for (const difference of [0, 0]) skew.add(difference);
  assert.equal(skew.offset, 3_600_000);
  skew.add(-100);
  assert.equal(skew.offset, -100);
});

test("a clock that drifts is followed", () => {
  const skew = new ClockSkew();
  for (let heartbeats = 0; heartbeats < 100; heartbeats += 1) skew.add(-heartbeats * 10);
  assert.ok(skew.offset <= -900);
});

test("the offset is one that was heard, and never beyond the latest of these", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -1e7, max: 1e7 }), { minLength: 1 }), (differences) => {
      const skew = new ClockSkew();
      for (const difference of differences) skew.add(difference);
      assert.ok(differences.slice(-8).includes(skew.offset));
    }),
  );
});

test("the rate is that of the last five seconds, and some is not none", () => {
  const rate = new Rate();
  assert.equal(rate.at(0), 0);
  rate.add(1, 0);
  assert.equal(rate.at(100), 1);
  rate.add(209, 1_000);
  assert.equal(rate.at(2_000), 42);
  assert.equal(rate.at(5_500), 42);
  assert.equal(rate.at(6_000), 0);
});
