// The selected callback, live: out of the list, or read by its id when the list does not have it.
import { type ReadonlySignal, signal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import type { Callback } from "ringback/v1/callback_pb.js";
import { CallbackEventType } from "ringback/v1/callbacks_service_pb.js";

import { callbacks } from "../api/clients.js";
import { type Refusal, refusalOf } from "../api/errors.js";
import { onAnew, onChanges } from "../live/callbacks.js";
import { link } from "../live/connection.js";
import { list } from "./list.js";

export interface Selected {
  callback: ReadonlySignal<Callback | undefined>;
  /** Why it cannot be shown. */
  refusal: ReadonlySignal<Refusal | null>;
  /** The server has it no more. */
  removed: ReadonlySignal<boolean>;
}

export function useSelected(id: string): Selected {
  const kept = useMemo(
    () => ({
      callback: signal(list.peek()?.picture.rows.members.get(id)),
      refusal: signal<Refusal | null>(null),
      removed: signal(false),
    }),
    [id],
  );
  const isLive = link.value.kind === "live";
  useEffect(() => {
    const take = (callback: Callback | undefined) => {
      const held = kept.callback.peek();
      if (callback && (!held || held.revision < callback.revision)) kept.callback.value = callback;
    };
    const read = async () => {
      try {
        const { callback } = await callbacks.getCallback({ key: { key: { case: "callbackId", value: id } } });
        take(callback);
        kept.refusal.value = null;
      } catch (error) {
        const refusal = refusalOf(error);
        kept.refusal.value = refusal;
        // What is shown of it stays readable, but it is not as the server has it.
        if (refusal.code === "NOT_FOUND" && kept.callback.peek()) kept.removed.value = true;
      }
    };
    const stopChanges = onChanges(({ events }) => {
      for (const { type, callback } of events) {
        if (callback?.callbackId !== id) continue;
        if (type === CallbackEventType.REMOVED) kept.removed.value = true;
        else take(callback);
      }
    });
    const stopAnew = onAnew(() => void read());
    // After the stream has begun, so that no change is missed between the two.
    if (isLive && !kept.callback.peek()) void read();
    return () => {
      stopChanges();
      stopAnew();
    };
  }, [kept, id, isLive]);
  return kept;
}
