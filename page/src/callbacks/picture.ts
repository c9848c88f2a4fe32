// The picture of the list: what the filter selects, read once and kept by the changes of the stream. No DOM.
import type { Callback, CallbackFilter } from "ringback/v1/callback_pb.js";
import { type CallbackEvent, CallbackEventType } from "ringback/v1/callbacks_service_pb.js";

import { type Parsed, filterAt } from "../model/filter.js";
import { type Judge, type Lookups, judgeOf } from "../model/match.js";
import { Oldest } from "./oldest.js";
import { Rows } from "./rows.js";

/** So many callbacks are shown at most: the newest, as the API lists them. */
export const MAX_CALLBACKS = 10_000;
export const PAGE_SIZE = 1000;
/** What becomes selected as time goes on is read so far ahead, and again when half of that is over. */
export const AHEAD_MS = 600_000;
/** How long a picture that lacks some of its callbacks is left so. */
const MEND_AFTER_MS = 30_000;
/** As many targets are remembered for which the server has said whether they are meant. */
const MAX_TARGETS = 5000;

/** What the picture is read from. */
export interface Source {
  list(filter: CallbackFilter, pageToken: string): Promise<{ callbacks: Callback[]; nextPageToken: string }>;
  lookups(filter: CallbackFilter): Promise<Lookups>;
  /** Which of the callbacks with these ids the filter selects. */
  selected(filter: CallbackFilter, ids: string[]): Promise<Callback[]>;
  /** Milliseconds since 1970 on the server's clock. */
  now(): number;
}

export type Reading =
  /** Not begun. */
  | { kind: "idle" }
  | { kind: "reading"; read: number; anew: boolean }
  | { kind: "complete" }
  | { kind: "failed"; error: unknown };

export class Picture {
  readonly parsed: Parsed;
  readonly rows: Rows;
  reading: Reading = { kind: "idle" };
  /** There were more than are shown. */
  capped = false;
  readonly #source: Source;
  readonly #changed: () => void;
  #lookups: Lookups = { idsOfSips: [], target: null, ownCaller: "" };
  #judge: Judge;
  #wide: Judge;
  #inAnyState: Judge;
  /** What is selected, or will be within AHEAD_MS. Used where times roll only. */
  #ahead = new Map<string, Callback>();
  #aheadFrom = 0;
  /** The revisions that the stream has told while a page was under way: the page may be older. */
  #told = new Map<string, bigint>();
  #next: Map<string, Callback> | null = null;
  #keepPlaces = false;
  #run = 0;
  readonly #oldest = new Oldest();
  #lacksSince: number | null = null;
  /** What the server has said about targets that are not the filter's as it is written. */
  #targets = new Map<string, boolean>();
  #undecided = new Map<string, Callback>();

  constructor(parsed: Parsed, source: Source, changed: () => void) {
    this.parsed = parsed;
    this.rows = new Rows(parsed.order);
    this.#source = source;
    this.#changed = changed;
    this.#judge = this.#wide = this.#inAnyState = judgeOf(parsed.filter);
  }

  /** Whether the filter selects a callback, whatever its state is. */
  selectsInAnyState(callback: Callback): boolean {
    return this.#inAnyState(callback) === "selected";
  }

  /** Read everything into a second map, and swap when it is complete. What was there stays readable meanwhile. */
  async read({ keepPlaces = false } = {}): Promise<void> {
    const run = ++this.#run;
    this.#keepPlaces = keepPlaces;
    this.reading = { kind: "reading", read: 0, anew: this.rows.members.size > 0 };
    this.#next = new Map();
    this.#told.clear();
    this.#undecided.clear();
    this.#changed();
    try {
      await this.#readAll(run, this.#next);
    } catch (error) {
      if (run !== this.#run) return;
      this.#next = null;
      this.reading = { kind: "failed", error };
      this.#changed();
    }
  }

  /** Nothing that is under way counts any more. */
  stop(): void {
    this.#run++;
  }

  async #readAll(run: number, next: Map<string, Callback>): Promise<void> {
    const now = this.#source.now();
    const filter = filterAt(this.parsed, now, AHEAD_MS);
    this.#lookups = await this.#source.lookups(filter);
    if (run !== this.#run) return;
    this.#aheadFrom = now;
    this.#setJudges(now);
    let capped: boolean;
    let token = "";
    let read = 0;
    do {
      const page = await this.#source.list(filter, token);
      if (run !== this.#run) return;
      const room = MAX_CALLBACKS - read;
      for (const callback of page.callbacks.slice(0, room)) this.#takeListed(callback, next);
      read += Math.min(page.callbacks.length, room);
      token = page.nextPageToken;
      capped = page.callbacks.length > room || (read >= MAX_CALLBACKS && token !== "");
      this.reading = { kind: "reading", read, anew: this.rows.members.size > 0 };
      this.#changed();
    } while (token !== "" && read < MAX_CALLBACKS);
    this.#swap(next, capped);
  }

  #takeListed(callback: Callback, next: Map<string, Callback>): void {
    if (this.parsed.filter.dialTarget !== "") this.#learn(callback.dialTarget);
    const told = this.#told.get(callback.callbackId);
    if (told === undefined || told < callback.revision) next.set(callback.callbackId, callback);
  }

  #swap(next: Map<string, Callback>, capped: boolean): void {
    this.#next = null;
    this.#told.clear();
    this.capped = capped;
    this.#lacksSince = null;
    this.reading = { kind: "complete" };
    this.#oldest.clear();
    let selected = [...next.values()];
    if (this.parsed.rolls) {
      this.#setJudges(this.#source.now());
      this.#ahead = next;
      selected = selected.filter((callback) => this.#verdict(callback, this.#judge) === "selected");
    }
    if (this.#keepPlaces || this.rows.held !== null) this.#merge(selected);
    else this.rows.replace(selected);
    this.#changed();
  }

  /** Take over what was read, where rows are to keep their places. */
  #merge(selected: readonly Callback[]): void {
    const at = performance.now();
    const ids = new Set(selected.map(({ callbackId }) => callbackId));
    for (const member of [...this.rows.members.values()]) {
      if (!ids.has(member.callbackId)) this.rows.drop(member, "left", at);
    }
    for (const callback of selected) {
      if (this.rows.members.get(callback.callbackId)?.revision !== callback.revision) this.rows.put(callback, at);
    }
  }

  /** Fold changes in; `at` is the caller's clock for the marks of changes. */
  apply(events: readonly CallbackEvent[], at: number): void {
    for (const { type, callback } of events) {
      if (callback) this.#fold(callback, type === CallbackEventType.REMOVED, at);
    }
  }

  #fold(callback: Callback, removed: boolean, at: number): void {
    const id = callback.callbackId;
    if (this.#next) {
      const told = this.#told.get(id) ?? this.#next.get(id)?.revision;
      if (told !== undefined && told > callback.revision) return;
      this.#told.set(id, callback.revision);
      const verdict = removed ? "not" : this.#verdict(callback, this.#wide);
      if (verdict === "selected") this.#next.set(id, callback);
      else this.#next.delete(id);
      return;
    }
    const known = this.rows.members.get(id) ?? this.#ahead.get(id);
    if (known && known.revision > callback.revision) return;
    const verdict = removed ? "not" : this.#verdict(callback, this.#judge);
    if (this.parsed.rolls) this.#foldAhead(callback, removed);
    this.#settle(callback, verdict === "selected", removed, at);
  }

  #settle(callback: Callback, selected: boolean, removed: boolean, at: number): void {
    const { rows } = this;
    const id = callback.callbackId;
    const member = rows.members.has(id);
    if (!selected) {
      if (!member) return;
      rows.drop(callback, removed ? "removed" : "left", at);
      if (this.capped) this.#lacksSince ??= at;
    } else if (member) rows.put(callback, at);
    else if (this.capped && id < this.#oldest.of(rows.members)) this.#ahead.delete(id);
    else {
      rows.put(callback, at);
      this.#oldest.add(id);
      if (rows.members.size > MAX_CALLBACKS) this.#dropOldest(at);
    }
  }

  #foldAhead(callback: Callback, removed: boolean): void {
    if (!removed && this.#verdict(callback, this.#wide) === "selected") this.#ahead.set(callback.callbackId, callback);
    else this.#ahead.delete(callback.callbackId);
  }

  /** Once a second: what a rolling filter selects now, and what has to be read or decided by the server. */
  tick(at: number): void {
    if (this.reading.kind === "complete" && this.parsed.rolls) this.#roll(at);
    if (this.#lacksSince !== null && at - this.#lacksSince > MEND_AFTER_MS) {
      this.#lacksSince = null;
      void this.read({ keepPlaces: true });
    }
    if (this.#undecided.size > 0) void this.#decide(at);
  }

  #roll(at: number): void {
    const now = this.#source.now();
    this.#setJudges(now);
    for (const callback of this.#ahead.values()) {
      const selected = this.#verdict(callback, this.#judge) === "selected";
      if (selected !== this.rows.members.has(callback.callbackId)) this.#settle(callback, selected, false, at);
    }
    if (now - this.#aheadFrom > AHEAD_MS / 2 && this.#looksAhead()) {
      this.#aheadFrom = now;
      void this.#readAhead(this.#run, filterAt(this.parsed, now, AHEAD_MS));
    }
  }

  #looksAhead(): boolean {
    return this.parsed.tokens.some(({ param, moment }) => moment?.kind === "relative" && param.endsWith("_before"));
  }

  /** Read what comes into reach; what is there already stays as it is, or gets newer. */
  async #readAhead(run: number, filter: CallbackFilter): Promise<void> {
    try {
      let token = "";
      let read = 0;
      do {
        const page = await this.#source.list(filter, token);
        if (run !== this.#run) return;
        for (const callback of page.callbacks) {
          const known = this.#ahead.get(callback.callbackId);
          if (!known || known.revision < callback.revision) this.#ahead.set(callback.callbackId, callback);
        }
        read += page.callbacks.length;
        token = page.nextPageToken;
      } while (token !== "" && read < MAX_CALLBACKS);
    } catch {
      // Tried again at the next tick.
      this.#aheadFrom = 0;
    }
  }

  #setJudges(now: number): void {
    const filter = filterAt(this.parsed, now);
    this.#judge = judgeOf(filter, this.#lookups);
    this.#inAnyState = judgeOf({ ...filter, states: [] }, this.#lookups);
    this.#wide = judgeOf(filterAt(this.parsed, now, AHEAD_MS), this.#lookups);
  }

  #verdict(callback: Callback, judge: Judge): "selected" | "not" {
    const verdict = judge(callback);
    if (verdict !== "undecided") return verdict;
    const meant = this.#targets.get(callback.dialTarget);
    if (meant === undefined) this.#undecided.set(callback.callbackId, callback);
    return meant ? "selected" : "not";
  }

  #learn(target: string): void {
    if (target === "" || target.includes("*")) return;
    // One of them is meant, so all others are not.
    this.#lookups = { ...this.#lookups, target };
    this.#setJudges(this.#source.now());
  }

  /** Have the server decide about targets that are written otherwise than the filter's. */
  async #decide(at: number): Promise<void> {
    const asked = [...this.#undecided.values()].slice(0, PAGE_SIZE);
    for (const { callbackId } of asked) this.#undecided.delete(callbackId);
    const run = this.#run;
    try {
      const ids = asked.map(({ callbackId }) => callbackId);
      const found = await this.#source.selected(filterAt(this.parsed, this.#source.now(), AHEAD_MS), ids);
      if (run !== this.#run) return;
      if (this.#targets.size > MAX_TARGETS) this.#targets.clear();
      const meant = new Set(found.map(({ dialTarget }) => dialTarget));
      for (const { dialTarget } of asked) this.#targets.set(dialTarget, meant.has(dialTarget));
      for (const { dialTarget } of found) this.#learn(dialTarget);
      for (const callback of found) this.#fold(callback, false, at);
      this.#changed();
    } catch {
      if (run !== this.#run) return;
      for (const callback of asked) this.#undecided.set(callback.callbackId, callback);
    }
  }

  #dropOldest(at: number): void {
    const id = this.#oldest.of(this.rows.members);
    const oldest = this.rows.members.get(id);
    if (oldest) this.rows.drop(oldest, "left", at);
    this.#ahead.delete(id);
    this.capped = true;
  }
}
