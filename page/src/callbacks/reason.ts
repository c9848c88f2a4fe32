// Where the selected callback stands, in the server's words: asked again when it or its service's queue has changed.
import { computed, effect, type ReadonlySignal, signal } from "@preact/signals";
import type { Callback } from "ringback/v1/callback_pb.js";
import type { GetQueueResponse } from "ringback/v1/directory_service_pb.js";

import { directory } from "../api/clients.js";
import { type Refusal, refusalOf } from "../api/errors.js";
import { link } from "../live/connection.js";
import { queues } from "../live/queues.js";

const ASK_MS = 1000;

export type Reason =
  | { kind: "unknown" }
  | { kind: "told"; callbackId: string; revision: bigint; queue: GetQueueResponse }
  | { kind: "refused"; callbackId: string; refusal: Refusal };

const told = signal<Reason>({ kind: "unknown" });
export const reason: ReadonlySignal<Reason> = computed(() => told.value);

/** How many are in front of a callback, if the server has said so for its present state. */
export function aheadOf(callback: Callback): number | undefined {
  const current = told.value;
  if (current.kind !== "told" || current.callbackId !== callback.callbackId) return undefined;
  const position = current.queue.position?.position ?? 0;
  return position > 0 && current.revision === callback.revision ? position - 1 : undefined;
}

/** Ask about a callback for as long as the panel shows it; `callback` is the one of now. Return how to stop. */
export function askAbout(callback: ReadonlySignal<Callback | undefined>): () => void {
  let asked = Number.NEGATIVE_INFINITY;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let run = 0;
  let lastSubject: Callback | undefined;
  let lastQueue: GetQueueResponse | undefined;
  const ask = async () => {
    timer = undefined;
    asked = performance.now();
    const mine = ++run;
    const subject = callback.peek();
    if (!subject) return;
    const { callbackId, revision } = subject;
    let answer: Reason;
    try {
      const queue = await directory.getQueue({ callbackKey: { key: { case: "callbackId", value: callbackId } } });
      answer = { kind: "told", callbackId, revision, queue };
    } catch (error) {
      answer = { kind: "refused", callbackId, refusal: refusalOf(error) };
    }
    if (mine === run) told.value = answer;
  };
  const stop = effect(() => {
    const subject = callback.value;
    // Both are read, so that a change of either has it asked again.
    const queue = subject && queues.value.get(subject.serviceId)?.queue;
    if (!subject || link.value.kind !== "live") return;
    if (subject === lastSubject && queue === lastQueue) return;
    lastSubject = subject;
    lastQueue = queue;
    timer ??= setTimeout(() => void ask(), Math.max(ASK_MS - (performance.now() - asked), 0));
  });
  return () => {
    stop();
    clearTimeout(timer);
    run++;
    told.value = { kind: "unknown" };
  };
}
