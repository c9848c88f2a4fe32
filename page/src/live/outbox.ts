// Changes on their way to the tabs that are seen: together, when many come, and at once, when few do.
import type { CallbackEvent } from "ringback/v1/callbacks_service_pb.js";

import type { World } from "./streams.js";
import type { Tab } from "./tab.js";

const INTERVAL_MS = 50;

export class Outbox {
  readonly #world: World;
  readonly #readers: () => Tab[];
  #events: CallbackEvent[] = [];
  #token = "";
  #at = 0;
  #flushedAt = Number.NEGATIVE_INFINITY;
  #cancel: (() => void) | null = null;
  #isEmpty = true;

  constructor(world: World, readers: () => Tab[]) {
    this.#world = world;
    this.#readers = readers;
  }

  add(events: readonly CallbackEvent[], token: string, at: number): void {
    for (const event of events) this.#events.push(event);
    this.#token = token;
    this.#at = at;
    this.#isEmpty = false;
    // A clock that was set back makes nobody wait.
    const wait = Math.min(INTERVAL_MS - (this.#world.now() - this.#flushedAt), INTERVAL_MS);
    if (wait <= 0) this.flush();
    else this.#cancel ??= this.#world.after(wait, () => this.flush());
  }

  flush(): void {
    this.#cancel?.();
    this.#cancel = null;
    if (this.#isEmpty) return;
    const events = this.#events;
    this.#events = [];
    this.#isEmpty = true;
    this.#flushedAt = this.#world.now();
    for (const tab of this.#readers())
      tab.send({ type: "changes", events, count: events.length, token: this.#token, at: this.#at });
  }
}
