import assert from "node:assert/strict";
import test from "node:test";

import { chartOf } from "../src/model/chart.js";

void test("columns and the line of last week have one scale", () => {
  const { columns, marked, line } = chartOf([10, 0, 40], [false, false, true], [20, 0, 80]);
  assert.equal(columns, "M0 44V39H64V44z");
  assert.equal(marked, "M160 44V24H224V44z");
  assert.equal(line, "M0 34H80V44H160V4H240");
});

void test("without last week there is no line, and without attempts there are no columns", () => {
  assert.deepEqual(chartOf([0, 0], [false, false], null), { columns: "", marked: "", line: "" });
});

void test("one attempt among thousands is seen", () => {
  const { columns } = chartOf([1, 5000], [false, false], null);
  assert.ok(columns.startsWith("M0 44V42.8H96V44z"));
});

void test("the columns of a week have no gaps", () => {
  const { columns } = chartOf(new Array<number>(240).fill(4), [], null);
  assert.ok(columns.startsWith("M0 44V4H1V44zM1 44V4H2V44z"));
});
