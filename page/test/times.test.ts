import assert from "node:assert/strict";
import test from "node:test";

import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";

import {
  clockTime,
  date,
  durationMs,
  fullTime,
  isoTime,
  ms,
  relative,
  span,
  timeOfDay,
  timestampOf,
  zoneCity,
} from "../src/model/times.js";

const ZONE = "Europe/Zurich";
// 14:06:22 in Zurich.
const NOW = Date.UTC(2026, 10, 30, 13, 6, 22);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const SPANS: [number, string][] = [
  [0, "0:00"],
  [999, "0:00"],
  [11_000, "0:11"],
  [6 * MINUTE + 41_000, "6:41"],
  [HOUR - 1, "59:59"],
  [HOUR, "1 h 0 min"],
  [HOUR + 12 * MINUTE, "1 h 12 min"],
  [2 * HOUR - 1, "1 h 59 min"],
  [24 * HOUR - 1, "23 h 59 min"],
  [24 * HOUR, "1 d 0 h"],
  [76 * HOUR, "3 d 4 h"],
  [-11_000, "0:11"],
];

test("a span says minutes and seconds, then hours and minutes, then days, and rounds nothing up", () => {
  for (const [duration, text] of SPANS) assert.equal(span(duration), text, String(duration));
});

const RELATIVE: [number, string][] = [
  [0, "0:00 ago"],
  [999, "0:00 ago"],
  [1_000, "in 0:01"],
  [-47 * MINUTE, "47:00 ago"],
  [-(HOUR + 47 * MINUTE), "1 h 47 min ago"],
  [24 * HOUR, ""],
  [-24 * HOUR, ""],
];

test("what is a day away has its date alone", () => {
  for (const [away, text] of RELATIVE) assert.equal(relative(NOW + away, NOW), text, String(away));
});

const CLOCK_TIMES: [number, string][] = [
  [NOW, "14:06:22"],
  [Date.UTC(2026, 10, 29, 23, 0, 0), "00:00:00"],
  [Date.UTC(2026, 10, 29, 22, 59, 59), "29 Nov 23:59:59"],
  [Date.UTC(2026, 11, 1, 6, 0, 0), "1 Dec 07:00:00"],
  [Date.UTC(2025, 10, 28, 13, 0, 0), "28 Nov 2025 14:00:00"],
];

test("a time of another day has its date, of another year also that, in the zone of the page", () => {
  for (const [at, text] of CLOCK_TIMES) assert.equal(clockTime(at, NOW, ZONE), text);
  assert.equal(date(NOW, NOW, ZONE), "");
  assert.equal(clockTime(Date.UTC(2026, 10, 29, 23, 0, 0), NOW, "UTC"), "29 Nov 23:00:00");
});

test("the titles and attributes of times say everything", () => {
  assert.equal(fullTime(NOW, ZONE), "Mon, 30 November 2026, 14:06:22 (Europe/Zurich)");
  assert.equal(isoTime(NOW), "2026-11-30T13:06:22.000Z");
  assert.equal(zoneCity("America/Argentina/Buenos_Aires"), "Buenos Aires");
  assert.equal(zoneCity("UTC"), "UTC");
});

test("a time that no calendar has blanks nothing", () => {
  for (const at of [Number.POSITIVE_INFINITY, Number.NaN, 9e15]) {
    assert.equal(timeOfDay(at, ZONE), "—");
    assert.equal(clockTime(at, NOW, ZONE), "—");
    assert.equal(fullTime(at, ZONE), "—");
    assert.equal(isoTime(at), "");
  }
});

test("timestamps are read to the millisecond, and written as they are read", () => {
  assert.equal(ms(undefined), null);
  assert.equal(durationMs(undefined), null);
  fc.assert(
    fc.property(fc.integer({ min: -1e12, max: 4e12 }), (at) => {
      const { seconds, nanos } = timestampOf(at);
      assert.deepEqual([seconds, nanos], [timestampFromMs(at).seconds, timestampFromMs(at).nanos]);
      assert.equal(ms(timestampFromMs(at)), at);
    }),
  );
});
