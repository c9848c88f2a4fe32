import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { fromLocal, toLocal } from "../src/model/local-time.js";
import { measured, plainSpan, rewriteMoments } from "../src/model/plain-spans.js";

const ZONES = ["UTC", "Europe/Zurich", "America/New_York", "Asia/Kathmandu", "Pacific/Apia", "Australia/Lord_Howe"];

test("a moment that is typed as it was shown is the same to the second, but in an hour that comes twice", () => {
  const moments = fc.integer({ min: Date.UTC(2024, 0), max: Date.UTC(2030, 0) });
  fc.assert(
    fc.property(moments, fc.constantFrom(...ZONES), (at, zone) => {
      const text = toLocal(at, zone);
      const typed = fromLocal(text, zone);
      assert.ok("at" in typed);
      assert.equal(toLocal(typed.at, zone), text);
      assert.ok(typed.at <= at && at - typed.at < 3_601_000);
    }),
  );
});

test("local times that are special", () => {
  const table: [string, string, ReturnType<typeof fromLocal>][] = [
    ["2026-11-30T14:00", "Europe/Zurich", { at: Date.UTC(2026, 10, 30, 13) }],
    ["2026-11-30T14:00:05", "Europe/Zurich", { at: Date.UTC(2026, 10, 30, 13, 0, 5) }],
    // The end of daylight saving: 02:30 comes twice, and the first is meant.
    ["2026-10-25T02:30", "Europe/Zurich", { at: Date.UTC(2026, 9, 25, 0, 30) }],
    ["2026-03-29T02:30", "Europe/Zurich", { fault: "does not exist in Europe/Zurich: clocks skip it" }],
    ["2026-02-30T12:00", "UTC", { fault: "is no day or time of the calendar" }],
    ["2026-02-20T25:00", "UTC", { fault: "is no day or time of the calendar" }],
    ["tomorrow", "UTC", { fault: "is not a date and time" }],
    ["", "UTC", { fault: "is not a date and time" }],
  ];
  for (const [text, zone, expected] of table) assert.deepEqual(fromLocal(text, zone), expected, text);
});

test("spans are exact", () => {
  const table: [number, string][] = [
    [0, "0 s"],
    [500, "0.5 s"],
    [90_000, "1 min 30 s"],
    [600_000, "10 min"],
    [3_600_000, "1 h"],
    [86_400_000, "1 day"],
    [180_061_000, "2 days 2 h 1 min 1 s"],
  ];
  for (const [ms, words] of table) assert.equal(plainSpan(ms), words);
  assert.deepEqual([3200, 59_960, 82_000, 3_723_000, -5].map(measured), ["3.2 s", "0:59", "1:22", "1:02:03", "0.0 s"]);
});

test("moments in the server's sentences are written as all others", () => {
  const clock = (at: number): string => `<${String(at / 1000)}>`;
  assert.equal(rewriteMoments("it is due at 1970-01-01T00:01:00Z.", clock), "it is due at <60>.");
  assert.equal(rewriteMoments("it is due at 1970-13-01T00:01:00Z", clock), "it is due at 1970-13-01T00:01:00Z");
  assert.equal(rewriteMoments("number 4 in line", clock), "number 4 in line");
});
