import test from "node:test";
import assert from "node:assert/strict";

import { create } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import fc from "fast-check";
import { type Callback, CallbackSchema } from "ringback/v1/callback_pb.js";
import { type CallbackEvent, CallbackEventType } from "ringback/v1/callbacks_service_pb.js";

import { CallbackMap } from "../../src/live/callbacks.js";
import { Hub } from "../../src/live/hub.js";
import type { FromHub, ToHub } from "../../src/live/protocol.js";
import { event, FakeWorld, refusal, settle, unreachable } from "./world.js";

/** A server with a log, of which the first part may be gone. */
class Server {
  readonly log: CallbackEvent[] = [];
  readonly state = new Map<string, bigint>();
  oldest = 0;
  isUp = true;
  readonly #world: FakeWorld;
  /** By stream: how many events of the log it has been sent. */
  readonly #sent = new Map<object, number>();

  constructor(world: FakeWorld) {
    this.#world = world;
  }

  change(id: string, isRemoved: boolean): void {
    const revision = (this.state.get(id) ?? 0n) + 1n;
    if (isRemoved) this.state.delete(id);
    else this.state.set(id, revision);
    const type = isRemoved ? CallbackEventType.REMOVED : CallbackEventType.UPDATED;
    this.log.push(event(id, Number(revision), { type, at: this.#world.serverNow }));
  }

  list(): Callback[] {
    return [...this.state].map(([callbackId, revision]) => create(CallbackSchema, { callbackId, revision }));
  }

  /** Answer on all open streams. */
  async serve(): Promise<void> {
    for (let turn = 0; turn < 3; turn += 1) {
      const stream = this.#world.callbacks.at(-1);
      const queueStream = this.#world.queues.at(-1);
      if (!this.isUp) {
        stream?.fail(unreachable());
        queueStream?.fail(unreachable());
      } else {
        if (queueStream?.isOpen) await this.#world.sendQueues({ complete: true });
        if (stream?.isOpen) await this.#follow(stream);
      }
      await settle();
    }
  }

  async #follow(stream: { token: string; fail(error: unknown): void }): Promise<void> {
    let sent = this.#sent.get(stream);
    if (sent === undefined) {
      sent = stream.token ? Number(stream.token) : this.log.length;
      if (sent < this.oldest) {
        stream.fail(refusal(Code.OutOfRange, "RESUME_TOKEN_EXPIRED"));
        return;
      }
      this.#sent.set(stream, sent);
    }
    const batch = this.log.slice(sent, sent + 3);
    this.#sent.set(stream, sent + batch.length);
    await this.#world.send(String(sent + batch.length), ...batch);
  }
}

/** A page as views are: a first picture once the stream has begun, changes, and a new picture when it is told so. */
class Page {
  map = new CallbackMap();
  token = "";
  isSeen = false;
  #isRead = false;
  #say: (message: ToHub) => void = () => undefined;
  readonly #server: Server;

  constructor(server: Server) {
    this.#server = server;
  }

  attach(hub: Hub): void {
    const say = hub.attach({ postMessage: (message) => this.#say === say && this.#hear(message) });
    this.#say = say;
    this.#say({ type: "hello", token: this.token, seen: this.isSeen, who: "" });
  }

  see(isSeen: boolean): void {
    this.isSeen = isSeen;
    this.#say({ type: "seen", seen: isSeen });
  }

  ping(): void {
    this.#say({ type: "ping" });
  }

  #hear(message: FromHub): void {
    if (message.type === "who") this.#say({ type: "hello", token: this.token, seen: this.isSeen, who: "" });
    if (message.type === "link" && message.link.kind === "live") {
      this.token ||= message.token;
      if (!this.#isRead) this.#read();
    }
    if (message.type === "anew") {
      this.token = message.token;
      if (this.#isRead) this.#read();
    }
    if (message.type !== "changes") return;
    this.token = message.token;
    for (const { type, callback } of message.events) {
      if (!callback) continue;
      if (type === CallbackEventType.REMOVED) this.map.remove(callback.callbackId);
      else this.map.apply([callback]);
    }
  }

  #read(): void {
    this.#isRead = true;
    this.map = new CallbackMap();
    this.map.apply(this.#server.list());
  }
}

const IDS = ["a", "b", "c", "d"];
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("change" as const), id: fc.constantFrom(...IDS) }) },
  fc.record({ do: fc.constant("remove" as const), id: fc.constantFrom(...IDS) }),
  { weight: 3, arbitrary: fc.record({ do: fc.constant("serve" as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("pass" as const), ms: fc.constantFrom(20, 400, 6_000, 40_000) }),
  },
  fc.record({
    do: fc.constantFrom("break" as const, "down" as const, "up" as const, "end" as const, "purge" as const),
  }),
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom("see" as const, "hide" as const), page: fc.nat(2) }) },
  fc.record({ do: fc.constant("killWorker" as const) }),
);

test("whatever happens between, every page that is seen has what the server has in the end", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), async (steps) => {
      const world = new FakeWorld();
      const server = new Server(world);
      let hub = new Hub(world);
      const pages = [new Page(server), new Page(server), new Page(server)];
      for (const page of pages) page.attach(hub);
      pages[0]?.see(true);
      // Ids are never used again.
      const removed = new Set<string>();
      for (const each of steps) {
        if (each.do === "change" && !removed.has(each.id)) server.change(each.id, false);
        if (each.do === "remove" && server.state.has(each.id)) {
          removed.add(each.id);
          server.change(each.id, true);
        }
        if (each.do === "serve") await server.serve();
        if (each.do === "pass") await world.pass(each.ms);
        if (each.do === "break") world.callbacks.at(-1)?.fail(unreachable());
        if (each.do === "end") world.callbacks.at(-1)?.end();
        if (each.do === "down" || each.do === "up") server.isUp = each.do === "up";
        if (each.do === "purge") server.oldest = server.log.length;
        if (each.do === "see" || each.do === "hide") pages[each.page]?.see(each.do === "see");
        if (each.do === "killWorker") {
          world.killWorker();
          hub = new Hub(world);
          for (const page of pages) page.attach(hub);
        }
        await settle();
      }
      server.isUp = true;
      for (const page of pages) page.see(true);
      for (let times = 0; times < 12; times += 1) {
        for (const page of pages) page.ping();
        await server.serve();
        await world.pass(4_000);
      }
      const expected = [...server.state].sort();
      for (const page of pages) {
        const shown = [...page.map.values()].map(({ callbackId, revision }) => [callbackId, revision]);
        assert.deepEqual(shown.sort(), expected);
      }
    }),
    { numRuns: 60 },
  );
});
