import assert from "node:assert/strict";
import test from "node:test";

import fc from "fast-check";

import { HALF_HOUR_MS, halfHourOf, halfHours, midnight, weekBefore } from "../src/model/half-hours.js";
import { wallClock } from "../src/model/local-time.js";

const at = (text: string): number => Date.parse(text);
const WEEK_MS = 7 * 86_400_000;

void test("half hours are those of UTC, from that of the begin through that of the end", () => {
  assert.deepEqual(
    halfHours(at("2026-11-30T12:10:00Z"), at("2026-11-30T13:29:59Z")),
    ["2026-11-30T12:00:00Z", "2026-11-30T12:30:00Z", "2026-11-30T13:00:00Z"].map(at),
  );
  assert.equal(halfHours(at("2026-11-30T12:00:00Z"), at("2026-11-30T13:00:00Z")).length, 3);
  assert.deepEqual(halfHours(at("2026-11-30T13:00:00Z"), at("2026-11-30T12:00:00Z")), []);
});

const MIDNIGHTS: [zone: string, now: string, midnight: string][] = [
  ["Europe/Zurich", "2026-11-30T14:06:22.250Z", "2026-11-29T23:00:00Z"],
  ["Europe/Zurich", "2026-11-29T23:00:00Z", "2026-11-29T23:00:00Z"],
  ["America/New_York", "2026-11-30T03:00:00Z", "2026-11-29T05:00:00Z"],
  ["Asia/Kathmandu", "2026-11-30T03:00:00Z", "2026-11-29T18:15:00Z"],
  // The days on which clocks change: 23 and 25 hours long.
  ["Europe/Zurich", "2026-03-29T20:00:00Z", "2026-03-28T23:00:00Z"],
  ["Europe/Zurich", "2026-10-25T20:00:00Z", "2026-10-24T22:00:00Z"],
  // Clocks go from 00:00 to 01:00: the day begins at 01:00.
  ["Africa/Cairo", "2026-04-24T12:00:00Z", "2026-04-23T22:00:00Z"],
  // Clocks go from 01:00 back to 00:00: the day begins with the first of the two.
  ["America/Havana", "2026-11-01T12:00:00Z", "2026-11-01T04:00:00Z"],
];

for (const [zone, now, begin] of MIDNIGHTS) {
  void test(`the day of ${now} in ${zone} begins at ${begin}`, () => {
    assert.equal(new Date(midnight(at(now), zone)).toISOString(), new Date(begin).toISOString());
  });
}

const WEEKS: [zone: string, now: string, then: string][] = [
  ["Europe/Zurich", "2026-11-30T13:00:00Z", "2026-11-23T13:00:00Z"],
  // 14:00 in Zurich before and after its clocks went back, and before and after they went forward.
  ["Europe/Zurich", "2026-10-27T13:00:00Z", "2026-10-20T12:00:00Z"],
  ["Europe/Zurich", "2026-03-31T12:00:00Z", "2026-03-24T13:00:00Z"],
  // 02:30 is shown twice that day; both had one 02:30 the week before.
  ["Europe/Zurich", "2026-10-25T00:30:00Z", "2026-10-18T00:30:00Z"],
  ["Europe/Zurich", "2026-10-25T01:30:00Z", "2026-10-18T00:30:00Z"],
  // The week after, one 02:30 looks back on two: the one of its own offset.
  ["Europe/Zurich", "2026-11-01T01:30:00Z", "2026-10-25T01:30:00Z"],
  // 02:30 was skipped the week before: what follows the gap.
  ["Europe/Zurich", "2026-04-05T00:30:00Z", "2026-03-29T01:30:00Z"],
];

for (const [zone, now, then] of WEEKS) {
  void test(`a week before ${now} in ${zone} is ${then}`, () => {
    assert.equal(new Date(weekBefore(at(now), zone)).toISOString(), new Date(then).toISOString());
  });
}

const zones = fc.constantFrom("UTC", "Europe/Zurich", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu");
const moments = fc.integer({ min: at("2025-01-01T00:00:00Z"), max: at("2028-01-01T00:00:00Z") });

void test("the reader's day has begun, not more than 25 hours ago", () => {
  fc.assert(
    fc.property(moments, zones, (now, zone) => {
      const begin = midnight(now, zone);
      assert.ok(begin <= now && now - begin < 25 * 3_600_000);
      assert.equal(wallClock(begin, zone) % 86_400_000, 0);
    }),
  );
});

void test("a week before is seven days away, give or take the hour of a change, at the same time of day", () => {
  fc.assert(
    fc.property(moments, zones, (now, zone) => {
      const then = weekBefore(now, zone);
      assert.ok(Math.abs(now - then - WEEK_MS) <= 3_600_000);
      const shift = wallClock(now, zone) - wallClock(then, zone) - WEEK_MS;
      // Only what was skipped a week ago has no such time.
      assert.ok(shift === 0 || (shift < 0 && shift >= -3_600_000));
    }),
  );
});

void test("the half hour of a moment is the last one that has begun", () => {
  fc.assert(
    fc.property(moments, (now) => {
      const begin = halfHourOf(now);
      assert.ok(begin <= now && now < begin + HALF_HOUR_MS && begin % HALF_HOUR_MS === 0);
    }),
  );
});
