import assert from "node:assert/strict";
import test from "node:test";

import fc from "fast-check";

import { GAP_REM, stripScale, tileFloor, tileWidth } from "../src/model/strip.js";

const widthOf = (counts: readonly number[], scale: number): number =>
  counts.reduce((sum, count) => sum + tileWidth(count, scale), 0) + GAP_REM * Math.max(0, counts.length - 1);

void test("a tile is never too narrow for its count", () => {
  assert.equal(tileFloor(1), 1.35);
  assert.equal(tileFloor(99), 1.35);
  assert.ok(tileFloor(10_000) > 3);
});

void test("five callbacks are as wide as the narrowest tile, where there is room", () => {
  assert.equal(tileWidth(5, stripScale([[5], [1, 2]], 20)), 1.35);
  assert.equal(stripScale([], 20), stripScale([[]], 20));
});

void test("the widest strip of a table fills the column, and gives the scale to all", () => {
  const support = [2, 6, 14, 33, 81, 29, 11, 6, 2];
  const scale = stripScale([[1, 3, 6, 2], support, [4, 9, 83]], 21);
  assert.ok(Math.abs(widthOf(support, scale) - 21) < 1e-9);
});

const strips = fc.array(fc.array(fc.integer({ min: 1, max: 20_000 }), { maxLength: 9 }), { maxLength: 12 });

void test("every strip fits where its narrowest tiles do, and no larger scale does", () => {
  fc.assert(
    fc.property(strips, fc.double({ min: 5, max: 60, noNaN: true }), (all, width) => {
      const scale = stripScale(all, width);
      for (const counts of all) {
        assert.ok(widthOf(counts, scale) <= Math.max(width, widthOf(counts, 0)) + 1e-6);
      }
      const isLargest = scale >= 0.27 - 1e-9 || all.some((counts) => widthOf(counts, scale + 1e-3) > width);
      assert.ok(isLargest);
    }),
  );
});
