// A tab as the hub sees it.
import type { CallbackEvent } from "ringback/v1/callbacks_service_pb.js";

import { Fold } from "./fold.js";
import type { FromHub } from "./protocol.js";

export interface Port {
  postMessage(message: FromHub): void;
}

export class Tab {
  seen = false;
  /** How many roll calls in a row it has not been heard before. */
  silences = 0;
  readonly #port: Port;
  /** What it has not been told yet. */
  readonly #missed = new Fold();
  /** What it has is older than what was kept for it. */
  #outOfTrack = false;

  constructor(port: Port) {
    this.#port = port;
  }

  send(message: FromHub): void {
    this.#port.postMessage(message);
  }

  begin(): void {
    this.silences = 0;
    this.#missed.clear();
    this.#outOfTrack = false;
  }

  lostTrack(): void {
    this.#outOfTrack = true;
    this.#missed.clear();
  }

  fold(events: readonly CallbackEvent[]): void {
    if (this.#outOfTrack) return;
    for (const event of events) this.#missed.add(event);
  }

  /** Tell it what it has missed, up to a token. */
  catchUp(token: string, at: number): void {
    const missed = this.#outOfTrack ? null : this.#missed.take();
    this.#outOfTrack = false;
    if (missed) this.send({ type: "changes", ...missed, token, at });
    else this.send({ type: "anew", token });
  }
}
