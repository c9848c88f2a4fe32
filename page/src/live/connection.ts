// The tab's side of the hub.
import { batch, computed, effect, type ReadonlySignal, signal } from "@preact/signals";

import type { Refusal } from "../api/errors.js";
import { receiveAnew, receiveChanges } from "./callbacks.js";
import { freeze, hearClock, startClock } from "./clock.js";
import { type FromHub, type HubLink, PING_MS, type ToHub } from "./protocol.js";
import { receiveQueues } from "./queues.js";
import { Rate } from "./rate.js";

export type Link =
  /** `since`: what is shown is as of then; null before there is anything. */
  | { kind: "connecting"; since: number | null; wasLost: boolean }
  /** `anew`: the history was gone, and pictures were read again. */
  | { kind: "live"; caughtUp?: { changes: number; at: number; since: number }; anew?: boolean }
  /** `since` by the server's clock, `retryAt` by this machine's. */
  | { kind: "lost"; since: number; retryAt: number; why: string; tries: number }
  | { kind: "refused"; refusal: Refusal };

/** The built name of the worker's script. */
declare const WORKER_URL: string;

const state = signal<Link>({ kind: "connecting", since: null, wasLost: false });
const rate = new Rate();
const perSecond = signal(0);

export const link: ReadonlySignal<Link> = computed(() => state.value);
export const changesPerSecond: ReadonlySignal<number> = computed(() => perSecond.value);
/** Acts are off otherwise. */
export const canChange: ReadonlySignal<boolean> = computed(() => state.value.kind === "live");

let port: MessagePort | null = null;
let token = "";
let identity = "";
let heardAt = 0;
let workers = 0;

/** Begin. Once, when it is known that the page may show something, and to whom. */
export function connect(who: string): void {
  identity = who;
  startClock();
  hello();
  document.addEventListener("visibilitychange", () => post({ type: "seen", seen: isSeen() }));
  addEventListener("online", () => post({ type: "retry" }));
  addEventListener("pagehide", () => post({ type: "bye" }));
  // Of a page that comes back out of the browser's cache.
  addEventListener("pageshow", ({ persisted }) => {
    if (persisted) sayHello();
  });
  setInterval(beat, PING_MS);
}

export function reconnectNow(): void {
  post({ type: "retry" });
}

/** Other credentials of the same identity count from now on. */
export function sessionChanged(): void {
  post({ type: "session", who: identity });
}

/** Once the first stream has begun: what is read after it misses nothing. */
export function whenBegun(): Promise<void> {
  return new Promise((resolve) => {
    const stop = effect(() => {
      if (state.value.kind !== "live") return;
      resolve();
      queueMicrotask(() => stop());
    });
  });
}

export function dismissNotice(): void {
  if (state.peek().kind === "live") state.value = { kind: "live" };
}

function isSeen(): boolean {
  return document.visibilityState === "visible";
}

function post(message: ToHub): void {
  port?.postMessage(message);
}

function sayHello(): void {
  heardAt = Date.now();
  post({ type: "hello", token, seen: isSeen(), who: identity });
}

function hello(): void {
  port?.close();
  port = openPort();
  port.addEventListener("message", ({ data }: MessageEvent<FromHub>) => receive(data));
  port.start();
  sayHello();
}

/** To the shared worker; to a hub of the page itself where there is none. */
function openPort(): MessagePort {
  workers += 1;
  // Twice it did not answer.
  if (typeof SharedWorker === "function" && workers <= 3) {
    try {
      const worker = new SharedWorker(trustedWorkerUrl(), { type: "module", name: `ringback-${workers}` });
      worker.addEventListener("error", () => {
        workers = 3;
        hello();
      });
      return worker.port;
    } catch {
      // Some browsers refuse it in private windows.
    }
  }
  const { port1, port2 } = new MessageChannel();
  void import("./own-hub.js").then(({ serve }) => serve(port2));
  return port1;
}

function trustedWorkerUrl(): string {
  const { trustedTypes } = globalThis as { trustedTypes?: { createPolicy(name: string, rules: object): Policy } };
  if (!trustedTypes) return WORKER_URL;
  policy ??= trustedTypes.createPolicy("ringback", {
    createScriptURL(url: string) {
      if (url === WORKER_URL) return url;
      throw new TypeError("the page has one worker only");
    },
  });
  // What the browser takes it for; the library says string.
  return policy.createScriptURL(WORKER_URL) as string;
}

interface Policy {
  createScriptURL(url: string): unknown;
}

let policy: Policy | undefined;

/** Say that the tab is there, and see that the hub is: browsers end workers when memory is short. */
function beat(): void {
  perSecond.value = rate.at(performance.now());
  if (!isSeen()) return;
  if (Date.now() - heardAt > 2.5 * PING_MS) hello();
  else post({ type: "ping" });
}

function receive(message: FromHub): void {
  heardAt = Date.now();
  switch (message.type) {
    case "link":
      if (message.link.kind === "live") token ||= message.token;
      return receiveLink(message.link);
    case "clock":
      return hearClock(message.serverTime, message.at);
    case "changes":
      token = message.token;
      rate.add(message.count, performance.now());
      perSecond.value = rate.at(performance.now());
      return receiveChanges(message.events, message.at);
    case "anew":
      token = message.token;
      return receiveAnew();
    case "queues":
      return receiveQueues(message.queues);
    case "who":
      return sayHello();
    case "pong":
  }
}

function receiveLink(next: HubLink): void {
  batch(() => {
    freeze(next.kind === "lost" || (next.kind === "connecting" && next.wasLost) ? next.since : null);
    state.value =
      next.kind === "live"
        ? { kind: "live", ...(next.caughtUp && { caughtUp: next.caughtUp }), ...(next.anew && { anew: true }) }
        : next;
  });
}
