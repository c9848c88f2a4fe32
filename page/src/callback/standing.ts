// Where one callback stands in its queue, in the server's words: read again when it or its queue has changed.
import { useSignal, useSignalEffect } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { type Callback, CallbackState } from "ringback/v1/callback_pb.js";
import type { GetQueueResponse } from "ringback/v1/directory_service_pb.js";

import { directory } from "../api/clients.js";
import { canChange } from "../live/connection.js";
import { queues } from "../live/queues.js";

// A queue may change once a second; to look more often than this helps nobody.
const PAUSE_MS = 2_000;

/** Return where a callback stands; null until that is known, and where the server does not say. */
export function useStanding(callback: Callback): GetQueueResponse | null {
  const standing = useSignal<GetQueueResponse | null>(null);
  const reader = useRef<Reader | undefined>(undefined);
  reader.current ??= new Reader((answer) => (standing.value = answer));
  useEffect(() => () => reader.current?.stop(), []);
  useEffect(() => reader.current?.read(callback, true), [callback.callbackId, callback.revision]);
  const latest = useRef(callback);
  latest.current = callback;
  useSignalEffect(() => {
    // Both are read so that a change of either is heard of. Of what is not in the queue, only its own changes count.
    const queue = queues.value.get(latest.current.serviceId)?.queue;
    if (!canChange.value || queue === undefined || latest.current.state !== CallbackState.QUEUED) return;
    reader.current?.read(latest.current, false);
  });
  return standing.value;
}

/** One call at a time, and a pause between two. */
class Reader {
  readonly #take: (answer: GetQueueResponse | null) => void;
  #abort: AbortController | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #readAt = Number.NEGATIVE_INFINITY;

  constructor(take: (answer: GetQueueResponse | null) => void) {
    this.#take = take;
  }

  read(callback: Callback, atOnce: boolean): void {
    const wait = atOnce ? 0 : Math.max(0, this.#readAt + PAUSE_MS - performance.now());
    if (!atOnce && this.#timer !== undefined) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#call(callback.callbackId);
    }, wait);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#abort?.abort();
  }

  async #call(callbackId: string): Promise<void> {
    this.#abort?.abort();
    const abort = new AbortController();
    this.#abort = abort;
    this.#readAt = performance.now();
    try {
      const callbackKey = { key: { case: "callbackId", value: callbackId } } as const;
      const answer = await directory.getQueue({ callbackKey }, { signal: abort.signal });
      if (!abort.signal.aborted) this.#take(answer);
    } catch {
      // Without it the rest of the page is as good; the connection's own strip says what is wrong.
      if (!abort.signal.aborted) this.#take(null);
    }
  }
}
