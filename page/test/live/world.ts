// A world for the hub in which nothing happens by itself: time, streams and tabs are the test's.
import { setMaxListeners } from "node:events";

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "google/rpc/error_details_pb.js";
import { CallbackSchema, CallbackState } from "ringback/v1/callback_pb.js";
import {
  type CallbackEvent,
  CallbackEventSchema,
  CallbackEventType,
  type WatchCallbacksResponse,
  WatchCallbacksResponseSchema,
} from "ringback/v1/callbacks_service_pb.js";
import {
  GetQueueResponseSchema,
  ServiceSchema,
  type WatchQueuesResponse,
  WatchQueuesResponseSchema,
} from "ringback/v1/directory_service_pb.js";

import { Hub } from "../../src/live/hub.js";
import { type FromHub, type HubLink, PING_MS, type ToHub } from "../../src/live/protocol.js";
import type { World } from "../../src/live/streams.js";

/** The server's clock is so far ahead of this machine's. */
export const AHEAD_MS = 60_000;
export const START = Date.UTC(2026, 10, 30, 12);

/** A stream of which the test says what comes. */
export class FakeStream<Response> implements AsyncIterable<Response> {
  readonly token: string;
  readonly signal: AbortSignal;
  #waiting: ((result: IteratorResult<Response>) => void) | null = null;
  #reject: ((error: unknown) => void) | null = null;
  readonly #ready: Response[] = [];
  #end: { error?: unknown } | null = null;

  constructor(token: string, signal: AbortSignal) {
    this.token = token;
    this.signal = signal;
    // Each of a worker's streams listens to the one signal of its connection.
    setMaxListeners(0, signal);
    signal.addEventListener("abort", () => this.fail(new ConnectError("aborted", Code.Canceled)));
  }

  get isOpen(): boolean {
    return this.#end === null;
  }

  push(response: Response): void {
    if (this.#waiting) this.#waiting({ value: response, done: false });
    else this.#ready.push(response);
    this.#waiting = null;
  }

  end(): void {
    this.#end ??= {};
    this.#waiting?.({ value: undefined, done: true });
    this.#waiting = null;
  }

  fail(error: unknown): void {
    this.#end ??= { error };
    this.#reject?.(error);
    this.#waiting = null;
  }

  [Symbol.asyncIterator](): AsyncIterator<Response> {
    return { next: () => this.#next() };
  }

  async #next(): Promise<IteratorResult<Response>> {
    const value = this.#ready.shift();
    if (value !== undefined) return { value, done: false };
    if (this.#end && "error" in this.#end) throw this.#end.error;
    if (this.#end) return { value: undefined, done: true };
    return new Promise((resolve, reject) => {
      this.#waiting = resolve;
      this.#reject = reject;
    });
  }
}

export class FakeWorld implements World {
  readonly callbacks: FakeStream<WatchCallbacksResponse>[] = [];
  readonly queues: FakeStream<WatchQueuesResponse>[] = [];
  /** What the next opening of a stream answers at once, instead of waiting for the test. */
  refuses: { callbacks?: unknown; queues?: unknown } = {};
  jitter = 1;
  #now = START;
  #timers: { at: number; run: () => void }[] = [];

  readonly transport = {
    watchCallbacks: (token: string, signal: AbortSignal) => {
      const stream = new FakeStream<WatchCallbacksResponse>(token, signal);
      this.callbacks.push(stream);
      if (this.refuses.callbacks) stream.fail(this.refuses.callbacks);
      return stream;
    },
    watchQueues: (signal: AbortSignal) => {
      const stream = new FakeStream<WatchQueuesResponse>("", signal);
      this.queues.push(stream);
      if (this.refuses.queues) stream.fail(this.refuses.queues);
      return stream;
    },
  };

  now(): number {
    return this.#now;
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = { at: this.#now + delayMs, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((each) => each !== timer);
    };
  }

  random(): number {
    return this.jitter;
  }

  get serverNow(): number {
    return this.#now + AHEAD_MS;
  }

  /** Let time pass, timer by timer. */
  async pass(durationMs: number): Promise<void> {
    const end = this.#now + durationMs;
    await settle();
    for (;;) {
      const next = this.#timers.filter(({ at }) => at <= end).sort((one, other) => one.at - other.at)[0];
      if (!next) break;
      this.#timers = this.#timers.filter((each) => each !== next);
      this.#now = Math.max(this.#now, next.at);
      next.run();
      await settle();
    }
    this.#now = end;
    await settle();
  }

  /** The browser ends the worker: what it waited for does not come. */
  killWorker(): void {
    this.#timers = [];
    this.callbacks.length = 0;
    this.queues.length = 0;
  }

  /** The newest stream of callbacks. */
  get stream(): FakeStream<WatchCallbacksResponse> {
    const newest = this.callbacks.at(-1);
    if (!newest) throw new Error("no stream was opened");
    return newest;
  }

  get queueStream(): FakeStream<WatchQueuesResponse> {
    const newest = this.queues.at(-1);
    if (!newest) throw new Error("no stream was opened");
    return newest;
  }

  get openStreams(): number {
    return [...this.callbacks, ...this.queues].filter(({ isOpen }) => isOpen).length;
  }

  /** The server sends events on the newest stream; without any, a heartbeat. */
  async send(token: string, ...events: CallbackEvent[]): Promise<void> {
    const serverTime = timestampFromMs(this.serverNow);
    this.stream.push(create(WatchCallbacksResponseSchema, { resumeToken: token, events, serverTime }));
    await settle();
  }

  async sendQueues(init: MessageInitShape<typeof WatchQueuesResponseSchema>): Promise<void> {
    const serverTime = timestampFromMs(this.serverNow);
    this.queueStream.push(create(WatchQueuesResponseSchema, { serverTime, ...init }));
    await settle();
  }

  /** Both streams answer, and are caught up. */
  async accept(token: string): Promise<void> {
    await settle();
    await this.sendQueues({ complete: true });
    await this.send(token);
  }

  /** Heartbeats on both, for a while. */
  async beat(token: string, durationMs: number): Promise<void> {
    for (let passed = 0; passed < durationMs; passed += 5_000) {
      await this.pass(5_000);
      await this.send(token);
      await this.sendQueues({});
    }
  }
}

/** A tab that notes what it is told. Seen or not, it pings, unless it is asleep. */
export class FakeTab {
  readonly told: FromHub[] = [];
  isAsleep = false;
  readonly #say: (message: ToHub) => void;

  constructor(hub: Hub, world: FakeWorld) {
    this.#say = hub.attach({
      postMessage: (message) => {
        if (message.type !== "pong") this.told.push(message);
      },
    });
    const ping = () => {
      if (!this.isAsleep) this.#say({ type: "ping" });
      world.after(PING_MS, ping);
    };
    world.after(PING_MS, ping);
  }

  async say(message: ToHub): Promise<void> {
    this.#say(message);
    await settle();
  }

  async hello(token = "", seen = true, who = ""): Promise<this> {
    await this.say({ type: "hello", token, seen, who });
    return this;
  }

  get link(): HubLink {
    const last = this.told.findLast((message) => message.type === "link");
    if (last?.type !== "link") throw new Error("the tab was told of no connection");
    return last.link;
  }

  /** When it is tried again. Fails while it is not lost. */
  get retryAt(): number {
    const { link } = this;
    if (link.kind !== "lost") throw new Error(`the connection is ${link.kind}`);
    return link.retryAt;
  }

  get links(): string[] {
    return this.told.flatMap((message) => (message.type === "link" ? [message.link.kind] : []));
  }

  /** The revisions of the changes that it was told, callback by callback. */
  get changes(): string[] {
    return this.told.flatMap((message) =>
      message.type === "changes"
        ? message.events.map(({ callback }) => `${callback?.callbackId}:${callback?.revision}`)
        : message.type === "anew"
          ? ["anew"]
          : [],
    );
  }

  get token(): string {
    return this.told.reduce(
      (token, message) => (message.type === "changes" || message.type === "anew" ? message.token : token),
      "",
    );
  }

  forget(): void {
    this.told.length = 0;
  }
}

export function event(
  id: string,
  revision: number,
  init: { type?: CallbackEventType; at?: number; previousState?: CallbackState } = {},
): CallbackEvent {
  const { type = CallbackEventType.UPDATED, at = START + AHEAD_MS, previousState = CallbackState.UNSPECIFIED } = init;
  return create(CallbackEventSchema, {
    type,
    previousState,
    eventTime: timestampFromMs(at),
    callback: create(CallbackSchema, { callbackId: id, revision: BigInt(revision) }),
  });
}

export function refusal(code: Code, reason: string): ConnectError {
  return new ConnectError(reason, code, undefined, [
    { desc: ErrorInfoSchema, value: { domain: "ringback.v1", reason } },
  ]);
}

export const unreachable = (): ConnectError => ConnectError.from(new TypeError("Failed to fetch"));

export function service(serviceId: string, displayName = serviceId) {
  return create(ServiceSchema, { serviceId, displayName });
}

export function queue(serviceId: string, capacity = 1) {
  return create(GetQueueResponseSchema, { serviceId, capacity });
}

/** Let everything run that has no time to wait for. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

export function newHub(): { world: FakeWorld; hub: Hub } {
  const world = new FakeWorld();
  return { world, hub: new Hub(world) };
}
