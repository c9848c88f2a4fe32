// The picture of the list: read in pages while changes come in, and equal to what the server lists in the end.
import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";
import { type Callback, type CallbackFilter, CallbackState } from "ringback/v1/callback_pb.js";
import { type CallbackEvent, CallbackEventType } from "ringback/v1/callbacks_service_pb.js";

import { AHEAD_MS, MAX_CALLBACKS, Picture, type Source } from "../src/callbacks/picture.js";
import { parseFilter } from "../src/model/filter.js";
import { type Lookups, judgeOf } from "../src/model/match.js";
import { callbackOf, eventOf, idOf, NOW, NOW_US, sketches } from "./world/callbacks.js";

/** A server that has callbacks, and answers when the test lets it. */
class Server implements Source {
  readonly kept = new Map<string, Callback>();
  pageSize = 2;
  time = NOW;
  canonical = "";
  asked: CallbackFilter[] = [];
  #waiting: (() => void)[] = [];
  #stops = false;

  change(callback: Callback): CallbackEvent {
    this.kept.set(callback.callbackId, callback);
    return eventOf(callback);
  }

  remove(id: string): CallbackEvent | null {
    const callback = this.kept.get(id);
    this.kept.delete(id);
    return callback ? eventOf(callback, CallbackEventType.REMOVED) : null;
  }

  /** Answers wait from now on for `answer`. */
  hold(): void {
    this.#stops = true;
  }

  async answer(): Promise<void> {
    this.#waiting.shift()?.();
    await settled();
  }

  async answerAll(picture: Picture): Promise<void> {
    while (picture.reading.kind === "reading") await this.answer();
  }

  now(): number {
    return this.time;
  }

  lookups(filter: CallbackFilter): Promise<Lookups> {
    return Promise.resolve({ idsOfSips: [], target: this.canonical ? null : filter.dialTarget || null, ownCaller: "" });
  }

  listed(filter: CallbackFilter): Callback[] {
    const judge = judgeOf(filter, { idsOfSips: [], target: this.canonical || filter.dialTarget, ownCaller: "" });
    return [...this.kept.values()]
      .filter((callback) => judge(callback) === "selected")
      .sort((one, other) => (one.callbackId < other.callbackId ? 1 : -1));
  }

  async list(filter: CallbackFilter, pageToken: string): Promise<{ callbacks: Callback[]; nextPageToken: string }> {
    this.asked.push(filter);
    // As of now, although the answer takes its time.
    const all = this.listed(filter).filter(({ callbackId }) => pageToken === "" || callbackId < pageToken);
    const callbacks = all.slice(0, this.pageSize);
    if (this.#stops) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return { callbacks, nextPageToken: all.length > this.pageSize ? (callbacks.at(-1)?.callbackId ?? "") : "" };
  }

  selected(filter: CallbackFilter, ids: string[]): Promise<Callback[]> {
    return Promise.resolve(this.listed(filter).filter(({ callbackId }) => ids.includes(callbackId)));
  }
}

function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function pictureOf(server: Server, query = ""): Picture {
  return new Picture(parseFilter(new URLSearchParams(query), server.time), server, () => undefined);
}

function shows(picture: Picture): Callback[] {
  picture.rows.showAll("newest");
  return picture.rows.shown.map(({ callback }) => callback);
}

const QUERIES = [
  "",
  "state=QUEUED,DIALING",
  "caller=crm",
  "label=campaign=autumn",
  "state=SCHEDULED&priority=HIGH,LOW",
];
const steps = fc.array(
  fc.record({ act: fc.constantFrom("change", "change", "change", "remove", "answer", "deliver"), sketch: sketches }),
  { maxLength: 40 },
);

test("whatever happens while it is read, the picture is what the server lists", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...QUERIES),
      fc.array(sketches, { maxLength: 8 }),
      steps,
      async (query, first, all) => {
        const server = new Server();
        let revision = 0;
        for (const sketch of first) server.change(callbackOf({ ...sketch, revision: ++revision }));
        const picture = pictureOf(server, query);
        server.hold();
        const read = picture.read();
        await settled();
        const events: CallbackEvent[] = [];
        for (const { act, sketch } of all) {
          const callback = callbackOf({ ...sketch, revision: ++revision });
          // A server does not use an id again.
          const removed = act === "remove" ? server.remove(callback.callbackId) : null;
          if (removed) events.push(removed);
          if (act === "change") events.push(server.change(callback));
          if (act === "answer") await server.answer();
          if (act === "deliver") picture.apply(events.splice(0), revision);
        }
        await server.answerAll(picture);
        await read;
        picture.apply(events, revision);
        assert.deepEqual(shows(picture), server.listed(picture.parsed.filter));
      },
    ),
  );
});

test("a page that is older than what the stream has told brings nothing back", async () => {
  const server = new Server();
  server.change(callbackOf({ number: 1 }));
  const picture = pictureOf(server, "state=QUEUED");
  server.hold();
  const read = picture.read();
  await settled();
  picture.apply([server.change(callbackOf({ number: 1, state: CallbackState.DIALING, revision: 2 }))], 1);
  await server.answer();
  await read;
  assert.deepEqual(shows(picture), []);
});

test("while it is read anew, what was there stays, and is swapped in one", async () => {
  const server = new Server();
  for (let number = 1; number <= 5; number++) server.change(callbackOf({ number }));
  const picture = pictureOf(server);
  await picture.read();
  assert.equal(picture.rows.shown.length, 5);
  server.kept.clear();
  for (let number = 4; number <= 9; number++) server.change(callbackOf({ number, revision: 2 }));
  server.hold();
  const read = picture.read();
  await settled();
  await server.answer();
  assert.deepEqual(picture.reading, { kind: "reading", read: 2, anew: true });
  assert.equal(picture.rows.shown.length, 5);
  await server.answerAll(picture);
  await read;
  assert.equal(picture.rows.shown.length, 6);
  assert.deepEqual(picture.rows.putOff, { fresh: 0, left: 0, moved: 0 });
});

test("a held list keeps its rows although it is read anew", async () => {
  const server = new Server();
  server.change(callbackOf({ number: 1 }));
  const picture = pictureOf(server);
  await picture.read();
  picture.rows.hold(true, 1);
  server.kept.clear();
  server.change(callbackOf({ number: 2 }));
  await picture.read();
  assert.deepEqual(
    picture.rows.shown.map(({ id }) => id),
    [idOf(1)],
  );
  assert.deepEqual(picture.rows.putOff, { fresh: 1, left: 1, moved: 0 });
});

test("a read that fails says so, and what was there stays", async () => {
  const server = new Server();
  server.change(callbackOf());
  const picture = pictureOf(server);
  await picture.read();
  server.list = () => Promise.reject(new Error("gone"));
  await picture.read();
  assert.equal(picture.reading.kind, "failed");
  assert.equal(picture.rows.shown.length, 1);
});

test("with a rolling filter, what comes due enters and what has aged leaves, without a change", async () => {
  const server = new Server();
  const S = CallbackState;
  server.change(callbackOf({ number: 1, state: S.SCHEDULED, dueUs: NOW_US + 3600e6 + 5e6 }));
  server.change(callbackOf({ number: 2, state: S.SCHEDULED, dueUs: NOW_US + 60e6 }));
  server.change(callbackOf({ number: 3, state: S.SCHEDULED, dueUs: NOW_US + 3600e6 + 3 * AHEAD_MS * 1000 }));
  const picture = pictureOf(server, "due_before=1h&due_after=now");
  await picture.read();
  assert.deepEqual(
    shows(picture).map(({ callbackId }) => callbackId),
    [idOf(2)],
  );
  server.time += 6000;
  picture.tick(1);
  assert.deepEqual(
    shows(picture).map(({ callbackId }) => callbackId),
    [idOf(2), idOf(1)],
  );
  server.time += 60_000;
  picture.tick(2);
  assert.deepEqual(
    shows(picture).map(({ callbackId }) => callbackId),
    [idOf(1)],
  );
  // What was too far ahead to be read at first is read in time.
  for (let minute = 0; minute < 31; minute++) {
    server.time += 60_000;
    picture.tick(3 + minute);
    await settled();
  }
  picture.tick(100);
  assert.deepEqual(
    shows(picture).map(({ callbackId }) => callbackId),
    [idOf(3), idOf(1)],
  );
});

test("what ended is shown for a quarter of an hour", async () => {
  const server = new Server();
  const picture = pictureOf(server, "ended_after=-15m");
  await picture.read();
  picture.apply([server.change(callbackOf({ number: 1, state: CallbackState.COMPLETED, endUs: NOW_US }))], 1);
  assert.equal(shows(picture).length, 1);
  server.time += 900_001;
  picture.tick(2);
  assert.equal(picture.rows.row(idOf(1))?.gone, "left");
});

test("a target in another spelling is the one that the server finds by it", async () => {
  const server = new Server();
  server.canonical = "tel:+447700900118";
  const picture = pictureOf(server, "target=07700 900118");
  await picture.read();
  picture.apply([server.change(callbackOf({ number: 1, target: "tel:+447700900118" }))], 1);
  picture.apply([server.change(callbackOf({ number: 2, target: "tel:+12025550172" }))], 1);
  assert.equal(shows(picture).length, 0);
  picture.tick(2);
  await settled();
  assert.deepEqual(
    shows(picture).map(({ callbackId }) => callbackId),
    [idOf(1)],
  );
  // From now on it is known.
  picture.apply([server.change(callbackOf({ number: 3, target: "tel:+447700900118" }))], 3);
  assert.deepEqual(
    shows(picture).map(({ callbackId }) => callbackId),
    [idOf(3), idOf(1)],
  );
});

test("of more than 10,000 the newest are shown, also when newer ones come", async () => {
  const server = new Server();
  server.pageSize = 1000;
  for (let number = 1; number <= MAX_CALLBACKS + 5; number++) server.change(callbackOf({ number }));
  const picture = pictureOf(server);
  await picture.read();
  assert.equal(picture.capped, true);
  const newest = MAX_CALLBACKS + 6;
  picture.apply([server.change(callbackOf({ number: newest }))], 1);
  // It is one of those that are not shown.
  picture.apply([server.change(callbackOf({ number: 2, revision: 2 }))], 1);
  assert.deepEqual(shows(picture), server.listed(picture.parsed.filter).slice(0, MAX_CALLBACKS));
  // A place that got free is filled after a while, and rows keep theirs.
  const removed = server.remove(idOf(newest));
  picture.apply(removed ? [removed] : [], 2);
  picture.tick(100_000);
  await settled();
  for (let page = 0; page < 12; page++) await settled();
  assert.deepEqual(shows(picture), server.listed(picture.parsed.filter).slice(0, MAX_CALLBACKS));
});
