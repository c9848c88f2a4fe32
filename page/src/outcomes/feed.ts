// What GetOutcomes counts, kept up to date: read once, then folded from events, and read anew with each half hour. So a
// page that is open all day has no more than the server's counts, and loses what it may have missed.
import { batch, effect, type ReadonlySignal, signal, untracked } from "@preact/signals";

import { directory } from "../api/clients.js";
import { type Refusal, refusalOf } from "../api/errors.js";
import { onAnew, onChanges } from "../live/callbacks.js";
import { now, serverNow } from "../live/clock.js";
import { link, whenBegun } from "../live/connection.js";
import { halfHourOf } from "../model/half-hours.js";
import { type Ending, Endings, Tally } from "../model/tally.js";
import { timestampOf } from "../model/times.js";

export interface Wanted {
  /** From when on, by the server's clock. */
  from: (now: number) => number;
  /** Empty: all that the identity may read. */
  serviceIds: readonly string[];
  /** Hears of each end that came as an event. */
  onEnding?: (ending: Ending) => void;
}

// All pages have the same half hours. They do not read at the same moment.
const SPREAD_MS = 15_000;
const RETRY_MS = 20_000;

export class OutcomesFeed {
  readonly #wanted: Wanted;
  readonly #tally = signal<Tally | null>(null);
  readonly #version = signal(0);
  readonly #refusal = signal<Refusal | null>(null);
  readonly #stops: (() => void)[] = [];
  readonly #services: ReadonlySet<string>;
  #endings = new Endings();
  /** What ended while the server counts: it may be among the counts, or not. */
  #meanwhile: Ending[] | null = null;
  #readFor = 0;
  #reading = 0;
  #isChanged = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(wanted: Wanted) {
    this.#wanted = wanted;
    this.#services = new Set(wanted.serviceIds);
  }

  /** Null until the first counts are there. The tally changes in place: see `version`. */
  get tally(): ReadonlySignal<Tally | null> {
    return this.#tally;
  }

  /** Another number when the tally has changed, at most once a second. */
  get version(): ReadonlySignal<number> {
    return this.#version;
  }

  /** Why it could not be read the last time. */
  get refusal(): ReadonlySignal<Refusal | null> {
    return this.#refusal;
  }

  start(): void {
    this.#stops.push(
      onChanges(({ events }) => this.#fold(this.#endings.of(events))),
      onAnew(() => {
        this.#endings = new Endings();
        void this.read();
      }),
      effect(() => this.#tick(now.value)),
      // What could not be read while there was no connection.
      effect(() => {
        if (link.value.kind === "live" && this.#refusal.peek() !== null) untracked(() => void this.read());
      }),
    );
    this.#meanwhile = [];
    void whenBegun().then(() => this.read());
  }

  stop(): void {
    for (const stop of this.#stops.splice(0)) stop();
    this.#reading += 1;
    clearTimeout(this.#timer);
  }

  async read(): Promise<void> {
    if (this.#stops.length === 0) return;
    clearTimeout(this.#timer);
    const reading = (this.#reading += 1);
    this.#meanwhile = [];
    const at = serverNow();
    this.#readFor = halfHourOf(at);
    try {
      const response = await directory.getOutcomes({
        beginTime: timestampOf(this.#wanted.from(at)),
        serviceIds: [...this.#wanted.serviceIds],
      });
      if (reading === this.#reading) this.#take(new Tally(response, this.#tally.peek() ?? undefined));
    } catch (error) {
      if (reading === this.#reading) this.#fail(refusalOf(error));
    }
  }

  #take(tally: Tally): void {
    for (const ending of this.#meanwhile ?? []) tally.add(ending);
    this.#meanwhile = null;
    batch(() => {
      this.#tally.value = tally;
      this.#version.value += 1;
      this.#refusal.value = null;
    });
  }

  #fail(refusal: Refusal): void {
    this.#refusal.value = refusal;
    if (refusal.retryable) this.#timer = setTimeout(() => void this.read(), RETRY_MS);
  }

  #fold(endings: readonly Ending[]): void {
    for (const ending of endings) {
      if (this.#services.size > 0 && !this.#services.has(ending.serviceId)) continue;
      this.#wanted.onEnding?.(ending);
      this.#meanwhile?.push(ending);
      this.#tally.peek()?.add(ending);
      this.#isChanged = true;
    }
  }

  #tick(at: number): void {
    if (this.#isChanged) {
      this.#isChanged = false;
      this.#version.value = this.#version.peek() + 1;
    }
    if (this.#readFor !== 0 && halfHourOf(at) > this.#readFor) {
      this.#readFor = halfHourOf(at);
      this.#timer = setTimeout(() => void this.read(), Math.random() * SPREAD_MS);
    }
  }
}
