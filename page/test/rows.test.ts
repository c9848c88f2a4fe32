// The keeper of the rows: they keep their places, and show everything when they are told to.
import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";
import { CallbackState } from "ringback/v1/callback_pb.js";

import { putOffWords } from "../src/callbacks/put-off-words.js";
import { Rows } from "../src/callbacks/rows.js";
import { comparing, ORDERS, type Order, placeOf } from "../src/model/order.js";
import { callbackOf, idOf, NOW_US, sketches } from "./world/callbacks.js";

const ids = (rows: Rows) => rows.shown.map(({ id }) => id);
const numbers = (rows: Rows) => rows.shown.map(({ id }) => Number(id.slice(-12)));

function rowsOf(count: number, order: Order = "next"): Rows {
  const rows = new Rows(order);
  rows.replace(Array.from({ length: count }, (_, at) => callbackOf({ number: at + 1, dueUs: NOW_US + at * 1e6 })));
  return rows;
}

test("new rows wait, and those that left stay where they are", () => {
  const rows = rowsOf(3);
  rows.put(callbackOf({ number: 9, dueUs: NOW_US - 1e6 }), 1);
  rows.drop(callbackOf({ number: 2, state: CallbackState.CANCELLED, endUs: NOW_US, revision: 2 }), "left", 1);
  assert.deepEqual(numbers(rows), [1, 2, 3]);
  assert.deepEqual(rows.putOff, { fresh: 1, left: 1, moved: 0 });
  assert.equal(rows.row(idOf(2))?.gone, "left");
  assert.equal(rows.row(idOf(2))?.callback.state, CallbackState.CANCELLED);
  rows.showAll();
  assert.deepEqual(numbers(rows), [9, 1, 3]);
  assert.deepEqual(rows.putOff, { fresh: 0, left: 0, moved: 0 });
});

test("what has left and comes back is at its old place, and counts no more", () => {
  const rows = rowsOf(2);
  rows.drop(callbackOf({ number: 1 }), "left", 1);
  rows.put(callbackOf({ number: 1, revision: 3 }), 2);
  assert.deepEqual(rows.putOff, { fresh: 0, left: 0, moved: 0 });
  assert.equal(rows.row(idOf(1))?.gone, "");
});

test("what came and went before it was shown leaves nothing behind", () => {
  const rows = rowsOf(1);
  rows.put(callbackOf({ number: 7 }), 1);
  rows.drop(callbackOf({ number: 7 }), "left", 2);
  assert.deepEqual(rows.putOff, { fresh: 0, left: 0, moved: 0 });
});

test("a cell changes where it is, and that it would stand elsewhere is counted", () => {
  const rows = rowsOf(3);
  const { version } = rows.row(idOf(3)) ?? assert.fail();
  rows.put(callbackOf({ number: 3, state: CallbackState.CONNECTED, revision: 2 }), 5);
  assert.deepEqual(numbers(rows), [1, 2, 3]);
  const row = rows.row(idOf(3)) ?? assert.fail();
  assert.equal(row.version, version + 1);
  assert.equal(row.changedAt, 5);
  assert.deepEqual(rows.putOff, { fresh: 0, left: 0, moved: 1 });
  rows.showAll();
  assert.deepEqual(numbers(rows), [3, 1, 2]);
});

test("new rows enter at their places, and move nothing else", () => {
  const rows = rowsOf(3);
  rows.put(callbackOf({ number: 9, dueUs: NOW_US + 1.5e6 }), 1);
  rows.enter(60);
  assert.deepEqual(numbers(rows), [1, 2, 9, 3]);
});

test("while it is held nothing changes, and changes are counted", () => {
  const rows = rowsOf(3);
  rows.hold(true, 1);
  const before = rows.shown.map(({ id, version, gone }) => ({ id, version, gone }));
  rows.put(callbackOf({ number: 1, state: CallbackState.DIALING, revision: 2 }), 2);
  rows.put(callbackOf({ number: 9 }), 2);
  rows.drop(callbackOf({ number: 2 }), "left", 2);
  rows.enter(60);
  assert.deepEqual(
    rows.shown.map(({ id, version, gone }) => ({ id, version, gone })),
    before,
  );
  assert.equal(rows.held, 3);
  assert.deepEqual(rows.putOff, { fresh: 1, left: 1, moved: 0 });
  rows.hold(false, 3);
  assert.equal(rows.row(idOf(1))?.callback.state, CallbackState.DIALING);
  assert.equal(rows.row(idOf(2))?.gone, "left");
  assert.deepEqual(rows.putOff, { fresh: 1, left: 1, moved: 1 });
});

test("marks of changes go after their time, the oldest first", () => {
  const rows = rowsOf(2);
  rows.put(callbackOf({ number: 1, revision: 2 }), 10);
  rows.put(callbackOf({ number: 2, revision: 2 }), 20);
  assert.equal(rows.unmark(15), true);
  assert.equal(rows.row(idOf(1))?.changedAt, 0);
  assert.equal(rows.row(idOf(2))?.changedAt, 20);
  assert.equal(rows.isMarked, true);
  assert.equal(rows.unmark(15), false);
});

test("a list that is followed all day does not grow by what has left", () => {
  const rows = rowsOf(10, "newest");
  for (let number = 11; number < 3000; number++) {
    rows.put(callbackOf({ number }), number);
    rows.enter(60);
    rows.drop(callbackOf({ number: number - 10 }), "left", number);
  }
  assert.ok(rows.shown.length < 400, String(rows.shown.length));
  assert.equal(rows.members.size, 10);
});

const orders = fc.constantFrom(...(Object.keys(ORDERS) as Order[]));
const steps = fc.array(
  fc.record({
    act: fc.constantFrom("put", "put", "put", "drop", "enter", "hold", "release", "unmark", "order"),
    sketch: sketches,
    order: orders,
  }),
  { maxLength: 60 },
);

test("when everything is shown, it is what is selected, in its order; until then rows keep their order", () => {
  fc.assert(
    fc.property(orders, steps, (first, all) => {
      const rows = new Rows(first);
      const selected = new Map<string, ReturnType<typeof callbackOf>>();
      let at = 1;
      for (const { act, sketch, order } of all) {
        const callback = callbackOf({ ...sketch, revision: ++at });
        const before = ids(rows);
        if (act === "put") {
          rows.put(callback, at);
          selected.set(callback.callbackId, callback);
        } else if (act === "drop") {
          rows.drop(callback, "left", at);
          selected.delete(callback.callbackId);
        } else if (act === "enter") rows.enter(60);
        else if (act === "hold") rows.hold(true, at);
        else if (act === "release") rows.hold(false, at);
        else if (act === "unmark") rows.unmark(at - 2);
        else rows.showAll(order);
        if (act !== "order")
          assert.deepEqual(
            ids(rows).filter((id) => before.includes(id)),
            before,
          );
        checkCounts(rows, selected);
      }
      rows.showAll();
      const wanted = [...selected.values()]
        .map((callback) => placed(callback, rows.order))
        .sort(comparing(rows.order))
        .map(({ callback }) => callback);
      assert.deepEqual(
        rows.shown.map(({ callback }) => callback),
        wanted,
      );
    }),
  );
});

function placed(callback: ReturnType<typeof callbackOf>, order: Order) {
  return { callback, id: callback.callbackId, place: placeOf(callback, order) };
}

function checkCounts(rows: Rows, selected: ReadonlyMap<string, ReturnType<typeof callbackOf>>): void {
  const shown = new Set(ids(rows));
  assert.deepEqual(new Set(rows.members.keys()), new Set(selected.keys()));
  const { fresh, left } = rows.putOff;
  assert.equal(fresh, [...selected.keys()].filter((id) => !shown.has(id)).length);
  assert.equal(left, [...shown].filter((id) => !selected.has(id)).length);
  const byState = new Map<CallbackState, number>();
  for (const { state } of selected.values()) byState.set(state, (byState.get(state) ?? 0) + 1);
  for (const [state, count] of rows.countByState()) assert.equal(count, byState.get(state) ?? 0);
  if (rows.held !== null) return;
  for (const row of rows.shown) if (row.gone === "") assert.equal(row.callback, selected.get(row.id));
}

test("an order is one: nothing is before and after another", () => {
  fc.assert(
    fc.property(orders, sketches, sketches, (order, one, other) => {
      const [a, b] = [placed(callbackOf(one), order), placed(callbackOf(other), order)];
      const there = comparing(order)(a, b);
      const back = comparing(order)(b, a);
      assert.equal(Math.sign(there), -Math.sign(back) || 0);
    }),
  );
});

test("the next ones come first: calls, the longest waiting, the next due, the last ended", () => {
  const rows = new Rows("next");
  const S = CallbackState;
  rows.replace([
    callbackOf({ number: 1, state: S.COMPLETED, endUs: NOW_US - 60e6 }),
    callbackOf({ number: 2, state: S.FAILED, endUs: NOW_US - 30e6 }),
    callbackOf({ number: 3, state: S.SCHEDULED, dueUs: NOW_US + 60e6 }),
    callbackOf({ number: 4, state: S.SCHEDULED, dueUs: NOW_US + 30e6 }),
    callbackOf({ number: 5, state: S.QUEUED, dueUs: NOW_US - 30e6 }),
    callbackOf({ number: 6, state: S.QUEUED, dueUs: NOW_US - 60e6 }),
    callbackOf({ number: 7, state: S.OFFERED }),
    callbackOf({ number: 8, state: S.CONNECTED }),
    // Of a newer server.
    Object.assign(callbackOf({ number: 9 }), { state: 99 }),
  ]);
  assert.deepEqual(numbers(rows), [8, 7, 6, 5, 4, 3, 9, 2, 1]);
  rows.showAll("newest");
  assert.deepEqual(numbers(rows), [9, 8, 7, 6, 5, 4, 3, 2, 1]);
  rows.showAll("ended");
  assert.deepEqual(numbers(rows).slice(0, 2), [2, 1]);
  rows.showAll("oldest");
  assert.deepEqual(numbers(rows).slice(0, 2), [6, 5]);
});

test("what is put off is told in words", () => {
  assert.equal(putOffWords({ fresh: 14, left: 1, moved: 0 }), "14 new, 1 has left this filter");
  assert.equal(putOffWords({ fresh: 0, left: 1200, moved: 3 }), "1,200 have left this filter, 3 would stand elsewhere");
  assert.equal(putOffWords({ fresh: 0, left: 0, moved: 0 }), "");
});
