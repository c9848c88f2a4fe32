// What a dialog is about, as it changes while the dialog is open.
import { type Signal, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Callback } from "ringback/v1/callback_pb.js";
import { CallbackEventType } from "ringback/v1/callbacks_service_pb.js";

import { callbacks } from "../api/clients.js";
import { onAnew, onChanges } from "../live/callbacks.js";

const DEAD_MS = 1_000;

/** A button that is dead for a second, so that nobody presses what has just become something else. */
export function useDead(): { dead: Signal<boolean>; begin: () => void } {
  const dead = useSignal(false);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const begin = (): void => {
    dead.value = true;
    clearTimeout(timer.current);
    timer.current = setTimeout(() => (dead.value = false), DEAD_MS);
  };
  return { dead, begin };
}

export interface Followed {
  /** The newest version. */
  current: Signal<Callback>;
  /** The version of which the person has seen everything: differences are told from here. */
  opened: Callback;
  /** It was removed or erased, or may not be read any more. */
  gone: Signal<boolean>;
  dead: Signal<boolean>;
  /** Read it again: an act was refused because its etag was old. */
  reread: () => Promise<void>;
}

/** Follow a callback by the stream for as long as the component is mounted. */
export function useFollowed(opened: Callback): Followed {
  const current = useSignal(opened);
  const gone = useSignal(false);
  const { dead, begin } = useDead();
  const id = opened.callbackId;
  const take = (next: Callback): void => {
    if (next.revision <= current.peek().revision) return;
    current.value = next;
    begin();
  };
  const reread = async (): Promise<void> => {
    const { callback } = await callbacks.getCallback({ key: { key: { case: "callbackId", value: id } } });
    if (callback !== undefined) take(callback);
  };
  useEffect(() => {
    const stopChanges = onChanges(({ events }) => {
      for (const { type, callback } of events) {
        if (callback?.callbackId !== id) continue;
        if (type === CallbackEventType.REMOVED) gone.value = true;
        else take(callback);
      }
    });
    // What the dialog says when that fails is what the act says: the same server is asked.
    const stopAnew = onAnew(() => void reread().catch(() => undefined));
    return () => {
      stopChanges();
      stopAnew();
    };
  }, [id]);
  return { current, opened, gone, dead, reread };
}
