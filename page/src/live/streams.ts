// The two streams that are held at a time, from their opening to the first fault. What comes after a fault is the hub's.
import { Code, ConnectError } from "@connectrpc/connect";
import type { WatchCallbacksResponse } from "ringback/v1/callbacks_service_pb.js";
import type { WatchQueuesResponse } from "ringback/v1/directory_service_pb.js";

import { type Refusal, refusalOf } from "../api/errors.js";
import { ms } from "../model/times.js";
import { HEARTBEAT_MS } from "./protocol.js";

export interface Transport {
  watchCallbacks(resumeToken: string, signal: AbortSignal): AsyncIterable<WatchCallbacksResponse>;
  watchQueues(signal: AbortSignal): AsyncIterable<WatchQueuesResponse>;
}

/** What the hub and its streams have of the world. */
export interface World {
  transport: Transport;
  /** This machine's clock, in milliseconds since 1970. */
  now(): number;
  /** Run something later. Returns what prevents it. */
  after(delayMs: number, run: () => void): () => void;
  /** From 0 to 1. */
  random(): number;
}

export interface Listener {
  callbacks(response: WatchCallbacksResponse): void;
  /** `fresh`: the first response of a stream, which begins with everything. */
  queues(response: WatchQueuesResponse, fresh: boolean): void;
  /** Both streams have said what had happened by the time at which they were opened. `anew`: but for a gap. */
  ready(anew: boolean): void;
  /** The connection is lost. */
  failed(refusal: Refusal): void;
  /** The server says no, and will say so again. */
  refused(refusal: Refusal): void;
}

export const SILENCE_MS = 2 * HEARTBEAT_MS;
// A server that stops ends its streams with OK; the next one is there as soon.
const GRACE_MS = 3_000;
const GRACE_PAUSE_MS = 250;
// Streams that end with OK sooner than this, twice in a row, do not work.
const MIN_AGE_MS = 1_000;
// Who lags behind gets response after response.
const QUIET_MS = 300;

interface Feed<Response> {
  name: string;
  open(signal: AbortSignal): AsyncIterable<Response>;
  take(response: Response, first: boolean): void;
  ready: boolean;
  denied: Refusal | null;
  stopWatching: () => void;
}

export class Streams {
  readonly #world: World;
  readonly #listener: Listener;
  readonly #abort = new AbortController();
  readonly #callbacks: Feed<WatchCallbacksResponse>;
  readonly #queues: Feed<WatchQueuesResponse>;
  #token: string;
  #anew = false;
  #isReady = false;
  #openedAt: number | null = null;
  #stopWaiting: () => void = nothing;

  constructor(world: World, token: string, listener: Listener) {
    this.#world = world;
    this.#token = token;
    this.#listener = listener;
    this.#callbacks = {
      name: "the stream of callbacks",
      open: (signal) => world.transport.watchCallbacks(this.#token, signal),
      take: (response) => this.#takeCallbacks(response),
      ready: false,
      denied: null,
      stopWatching: nothing,
    };
    this.#queues = {
      name: "the stream of queues",
      open: (signal) => world.transport.watchQueues(signal),
      take: (response, first) => this.#takeQueues(response, first),
      ready: false,
      denied: null,
      stopWatching: nothing,
    };
  }

  start(): void {
    void this.#run(this.#callbacks);
    void this.#run(this.#queues);
  }

  /** Close both. Nothing is heard of them any more. */
  stop(): void {
    this.#abort.abort();
    this.#stopWaiting();
    this.#callbacks.stopWatching();
    this.#queues.stopWatching();
  }

  async #run<Response>(feed: Feed<Response>): Promise<void> {
    let graceUntil = 0;
    let earlyEnds = 0;
    while (!this.#isStopped()) {
      const openedAt = this.#world.now();
      const error = await this.#follow(feed);
      feed.stopWatching();
      if (this.#isStopped()) return;
      if (error === undefined) {
        earlyEnds = this.#world.now() - openedAt < MIN_AGE_MS ? earlyEnds + 1 : 0;
        if (earlyEnds > 1) {
          this.#fail(unavailable(`The server ends ${feed.name} as soon as it has begun.`));
          return;
        }
        graceUntil = this.#world.now() + GRACE_MS;
        continue;
      }
      const refusal = refusalOf(error);
      if (this.#forgetsToken(feed, refusal)) continue;
      if (this.#denies(feed, refusal)) return;
      if (this.#world.now() >= graceUntil) {
        this.#fail(refusal);
        return;
      }
      await new Promise<void>((resolve) => this.#world.after(GRACE_PAUSE_MS, resolve));
    }
  }

  /** Follow one stream to its end. Returns why it ended, undefined for an OK. */
  async #follow<Response>(feed: Feed<Response>): Promise<unknown> {
    let first = true;
    this.#watch(feed);
    try {
      for await (const response of feed.open(this.#abort.signal)) {
        if (this.#isStopped()) return undefined;
        this.#watch(feed);
        feed.take(response, first);
        first = false;
      }
      return first ? new ConnectError(`The server ended ${feed.name} at once.`, Code.Unavailable) : undefined;
    } catch (error) {
      return error ?? new ConnectError(`The server broke off ${feed.name}.`, Code.Unavailable);
    }
  }

  /** What the token stands for is gone: the stream begins with the changes from now on. */
  #forgetsToken<Response>(feed: Feed<Response>, { reason }: Refusal): boolean {
    const gone = reason === "RESUME_TOKEN_EXPIRED" || reason === "RESUME_TOKEN_INVALID";
    if (feed.name !== this.#callbacks.name || !gone || !this.#token) return false;
    this.#token = "";
    this.#anew = true;
    // An open page has shown changes after those that are now missing.
    if (this.#isReady) this.#isReady = this.#callbacks.ready = false;
    return true;
  }

  /** An identity may have a right to one of the two only. */
  #denies<Response>(feed: Feed<Response>, refusal: Refusal): boolean {
    if (refusal.code === "UNAUTHENTICATED") {
      this.stop();
      this.#listener.refused(refusal);
      return true;
    }
    if (refusal.code !== "PERMISSION_DENIED") return false;
    feed.denied = refusal;
    feed.ready = true;
    if (this.#callbacks.denied && this.#queues.denied) {
      this.stop();
      this.#listener.refused(refusal);
    } else {
      this.#checkReady();
    }
    return true;
  }

  #takeCallbacks(response: WatchCallbacksResponse): void {
    this.#token = response.resumeToken;
    this.#listener.callbacks(response);
    if (this.#callbacks.ready) return;
    this.#openedAt ??= ms(response.serverTime) ?? this.#world.now();
    const newest = ms(response.events.at(-1)?.eventTime);
    this.#stopWaiting();
    if (newest === null || newest >= this.#openedAt) this.#caughtUp();
    else this.#stopWaiting = this.#world.after(QUIET_MS, () => this.#caughtUp());
  }

  #caughtUp(): void {
    this.#callbacks.ready = true;
    this.#checkReady();
  }

  #takeQueues(response: WatchQueuesResponse, first: boolean): void {
    this.#listener.queues(response, first);
    if (!response.complete) return;
    this.#queues.ready = true;
    this.#checkReady();
  }

  #checkReady(): void {
    if (this.#isReady || !this.#callbacks.ready || !this.#queues.ready) return;
    this.#isReady = true;
    this.#listener.ready(this.#anew);
    this.#anew = false;
  }

  #watch<Response>(feed: Feed<Response>): void {
    feed.stopWatching();
    feed.stopWatching = this.#world.after(SILENCE_MS, () =>
      this.#fail(unavailable(`Nothing was heard of the server for ${SILENCE_MS / 1000} s.`)),
    );
  }

  #fail(refusal: Refusal): void {
    if (this.#isStopped()) return;
    this.stop();
    this.#listener.failed(refusal);
  }

  #isStopped(): boolean {
    return this.#abort.signal.aborted;
  }
}

function unavailable(message: string): Refusal {
  return refusalOf(new ConnectError(message, Code.Unavailable));
}

function nothing(): void {
  // There is no timer yet.
}
