// One connection for all tabs of a browser, since a browser has six for a host. In a shared worker, or in the page itself
// where there is none. Time, transport and randomness are passed in.
import type { WatchCallbacksResponse } from "ringback/v1/callbacks_service_pb.js";
import type { WatchQueuesResponse } from "ringback/v1/directory_service_pb.js";

import type { Refusal } from "../api/errors.js";
import { ms } from "../model/times.js";
import { Outbox } from "./outbox.js";
import type { HubLink, ToHub } from "./protocol.js";
import { QueueStore } from "./queue-store.js";
import { Streams, type World } from "./streams.js";
import { type Port, Tab } from "./tab.js";

// Tabs are hidden for a moment all the time.
const HIDDEN_MS = 30_000;
const FIRST_DELAY_MS = 500;
const MAX_DELAY_MS = 15_000;
// A connection that has lived as long was a good one.
const GOOD_MS = 10_000;
const CLOCK_MS = 1_000;
// A tab that is seen pings every 10 s.
const ROLL_CALL_MS = 15_000;

type Hello = Extract<ToHub, { type: "hello" }>;

export class Hub {
  readonly #world: World;
  readonly #tabs = new Set<Tab>();
  readonly #queues = new QueueStore();
  readonly #outbox: Outbox;
  #streams: Streams | null = null;
  #link: HubLink = { kind: "connecting", since: null, wasLost: false };
  #token = "";
  /** Whose data the hub has; null while it has none. */
  #who: string | null = null;
  /** The server's clock at the last response, and this machine's. */
  #heard: { serverTime: number; at: number } | null = null;
  #liveAt = 0;
  #failures = 0;
  /** Until when the tabs have a whole picture, while the connection is not live. */
  #since: number | null = null;
  #wasLost = false;
  #catchingUp = 0;
  #clockTold = Number.NEGATIVE_INFINITY;
  #cancelRetry: (() => void) | null = null;
  #cancelClose: (() => void) | null = null;

  constructor(world: World) {
    this.#world = world;
    this.#outbox = new Outbox(world, () => this.#seenTabs());
    this.#callTheRoll();
  }

  /** Take a tab. It is told of nothing before its hello. */
  attach(port: Port): (message: ToHub) => void {
    const tab = new Tab(port);
    return (message) => this.#receive(tab, message);
  }

  #receive(tab: Tab, message: ToHub): void {
    if (message.type === "hello") return this.#welcome(tab, message);
    if (!this.#tabs.has(tab)) {
      if (message.type !== "bye") tab.send({ type: "who" });
      return;
    }
    tab.silences = 0;
    switch (message.type) {
      case "seen":
        return this.#setSeen(tab, message.seen);
      case "ping":
        return tab.send({ type: "pong" });
      case "retry":
        if (this.#link.kind === "lost") this.#open();
        return;
      case "session":
        return this.#restart(message.who);
      case "bye":
        return this.#leave(tab);
    }
  }

  // --- Tabs ----------------------------------------------------------------------------------------------------------

  #welcome(tab: Tab, { token, seen, who }: Hello): void {
    this.#outbox.flush();
    this.#identify(who);
    tab.begin();
    // Nobody has followed with this hub yet: it goes on where the tab is.
    if (!this.#token && !this.#streams) this.#token = token;
    else if (token && token !== this.#token) tab.lostTrack();
    this.#tabs.add(tab);
    tab.seen = false;
    // Who opens a page has signed in, as far as the page could find out.
    if (this.#link.kind === "refused") this.#setLink(this.#connecting);
    if (seen) this.#setSeen(tab, true);
    else this.#tellLink(tab);
  }

  #setSeen(tab: Tab, seen: boolean): void {
    if (tab.seen === seen) return;
    this.#outbox.flush();
    tab.seen = seen;
    if (!seen) return this.#closeLater();
    this.#cancelClose?.();
    this.#cancelClose = null;
    if (this.#heard) tab.send({ type: "clock", ...this.#heard });
    this.#queues.tellWhole(tab);
    if (this.#link.kind === "live") tab.catchUp(this.#token, this.#heard?.serverTime ?? this.#world.now());
    if (this.#streams || this.#link.kind === "refused") this.#tellLink(tab);
    else this.#open();
  }

  #leave(tab: Tab): void {
    this.#tabs.delete(tab);
    this.#closeLater();
  }

  #seenTabs(): Tab[] {
    return [...this.#tabs].filter(({ seen }) => seen);
  }

  #closeLater(): void {
    if (this.#cancelClose || this.#seenTabs().length) return;
    this.#cancelClose = this.#world.after(HIDDEN_MS, () => {
      this.#cancelClose = null;
      if (this.#link.kind === "refused") return;
      this.#close();
      this.#setLink(this.#connecting);
    });
  }

  /** Tabs that crash do not say that they go. */
  #callTheRoll(): void {
    this.#world.after(ROLL_CALL_MS, () => {
      for (const tab of this.#seenTabs()) if (++tab.silences > 3) this.#leave(tab);
      this.#callTheRoll();
    });
  }

  // --- The connection ------------------------------------------------------------------------------------------------

  #open(): void {
    this.#close();
    this.#catchingUp = 0;
    this.#setLink(this.#connecting);
    this.#streams = new Streams(this.#world, this.#token, {
      callbacks: (response) => this.#takeCallbacks(response),
      queues: (response, fresh) => this.#takeQueues(response, fresh),
      ready: (anew) => this.#ready(anew),
      failed: (refusal) => this.#lost(refusal),
      refused: (refusal) => this.#refused(refusal),
    });
    this.#streams.start();
  }

  get #connecting(): HubLink {
    return { kind: "connecting", since: this.#since, wasLost: this.#wasLost };
  }

  #close(): void {
    this.#cancelRetry?.();
    this.#cancelRetry = null;
    this.#streams?.stop();
    this.#streams = null;
    this.#outbox.flush();
    if (this.#link.kind === "live") this.#since = this.#heard?.serverTime ?? this.#world.now();
  }

  /** Begin again with other credentials, where the last ones have ended. */
  #restart(who: string): void {
    this.#identify(who);
    this.#failures = 0;
    if (this.#seenTabs().length) return this.#open();
    this.#close();
    this.#setLink(this.#connecting);
  }

  /** What one identity was shown is not for another one. */
  #identify(who: string): void {
    const isOther = this.#who !== null && this.#who !== who;
    this.#who = who;
    if (!isOther) return;
    this.#close();
    this.#queues.clear();
    this.#token = "";
    this.#since = null;
    this.#wasLost = false;
    this.#failures = 0;
    for (const tab of this.#tabs) tab.lostTrack();
    this.#setLink({ kind: "connecting", since: null, wasLost: false });
    if (this.#seenTabs().length) this.#open();
  }

  #ready(anew: boolean): void {
    const at = this.#heard?.serverTime ?? this.#world.now();
    const caughtUp =
      this.#wasLost && this.#since !== null ? { changes: this.#catchingUp, at, since: this.#since } : null;
    if (anew) for (const tab of this.#tabs) tab.lostTrack();
    this.#liveAt = this.#world.now();
    this.#since = null;
    this.#wasLost = false;
    for (const tab of this.#seenTabs()) tab.catchUp(this.#token, at);
    this.#setLink({ kind: "live", caughtUp: anew ? null : caughtUp, anew });
  }

  #lost(refusal: Refusal): void {
    if (this.#link.kind === "live" && this.#world.now() - this.#liveAt >= GOOD_MS) this.#failures = 0;
    this.#close();
    this.#failures += 1;
    this.#wasLost = true;
    this.#since ??= this.#heard?.serverTime ?? this.#world.now();
    const limit = Math.min(FIRST_DELAY_MS * 2 ** (this.#failures - 1), MAX_DELAY_MS);
    // Jittered, so that the browsers of a floor do not return in step.
    const delay = (limit / 2) * (1 + this.#world.random()) + Math.min(refusal.retryAfterMs, 60_000);
    this.#cancelRetry = this.#world.after(delay, () => {
      if (this.#seenTabs().length) this.#open();
    });
    const retryAt = this.#world.now() + delay;
    this.#setLink({ kind: "lost", since: this.#since, retryAt, why: refusal.message, tries: this.#failures });
  }

  #refused(refusal: Refusal): void {
    this.#close();
    this.#wasLost = true;
    this.#setLink({ kind: "refused", refusal });
  }

  // --- What comes ----------------------------------------------------------------------------------------------------

  #takeCallbacks(response: WatchCallbacksResponse): void {
    this.#token = response.resumeToken;
    this.#hear(ms(response.serverTime));
    const live = this.#link.kind === "live";
    if (!live) this.#catchingUp += response.events.length;
    for (const tab of this.#tabs) if (!live || !tab.seen) tab.fold(response.events);
    if (live) this.#outbox.add(response.events, this.#token, this.#heard?.serverTime ?? this.#world.now());
  }

  #takeQueues(response: WatchQueuesResponse, fresh: boolean): void {
    this.#hear(ms(response.serverTime));
    const changes = this.#queues.take(response, fresh);
    if (changes) for (const tab of this.#seenTabs()) tab.send({ type: "queues", queues: changes });
  }

  #hear(serverTime: number | null): void {
    if (serverTime === null) return;
    const at = this.#world.now();
    this.#heard = { serverTime, at };
    if (at - this.#clockTold < CLOCK_MS && at >= this.#clockTold) return;
    this.#clockTold = at;
    for (const tab of this.#seenTabs()) tab.send({ type: "clock", serverTime, at });
  }

  #setLink(link: HubLink): void {
    this.#link = link;
    for (const tab of this.#tabs) this.#tellLink(tab);
    // That it has caught up is news once.
    if (link.kind === "live") this.#link = { kind: "live", caughtUp: null, anew: false };
  }

  #tellLink(tab: Tab): void {
    tab.send({ type: "link", link: this.#link, token: this.#token });
  }
}
