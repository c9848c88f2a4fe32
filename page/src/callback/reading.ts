// One callback and its history: read once, then kept by the stream.
import { effect, type Signal, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { type CallbackEvent, CallbackEventType } from "ringback/v1/callbacks_service_pb.js";

import { callbacks } from "../api/clients.js";
import { type Refusal, refusalOf } from "../api/errors.js";
import { may } from "../app/session.js";
import { onAnew, onChanges } from "../live/callbacks.js";
import { link, whenBegun } from "../live/connection.js";
import type { History } from "../model/entries.js";
import { type Picture, readAgain, withEvents } from "../model/history.js";

export type Life = { kind: "reading" } | { kind: "refused"; refusal: Refusal } | ({ kind: "read" } & Picture);

const PAGE = 1000;
// Of one callback with a hundred attempts there are some five hundred.
const MAX_EVENTS = 10_000;

/** Read a callback and its events, and follow them for as long as the component is mounted. */
export function useLife(callbackId: string): Signal<Life> {
  const life = useSignal<Life>({ kind: "reading" });
  useEffect(() => {
    const abort = new AbortController();
    let early: CallbackEvent[] = [];
    const read = async (): Promise<void> => {
      const next = await readLife(callbackId, abort.signal);
      if (abort.signal.aborted) return;
      // A picture that is there stays when it could not be read again: the strip says that the connection is lost.
      const before = life.peek();
      if (next.kind === "refused" && before.kind === "read" && next.refusal.code !== "NOT_FOUND") return;
      const both = next.kind === "read" && before.kind === "read";
      life.value = both ? { kind: "read", ...readAgain(before, next) } : next;
      take(early);
      early = [];
    };
    const take = (events: readonly CallbackEvent[]): void => {
      const current = life.peek();
      const mine = events.filter(({ callback }) => callback?.callbackId === callbackId);
      if (mine.length === 0) return;
      if (current.kind !== "read") {
        early.push(...mine);
        return;
      }
      const removed = mine.find(({ type }) => type === CallbackEventType.REMOVED);
      if (removed?.callback) {
        // What was erased must not stay on the screen, and a call that is on its way must not bring it back.
        abort.abort();
        life.value = { kind: "read", callback: removed.callback, history: { events: [removed], complete: false } };
        return;
      }
      const followed = withEvents(current.history.events, mine);
      const newest = mine.at(-1)?.callback ?? current.callback;
      const callback = newest.revision > current.callback.revision ? newest : current.callback;
      life.value = { kind: "read", callback, history: { ...current.history, events: followed.events } };
      // Events are folded while the tab is hidden: those in between are in the history only.
      if (followed.hasGap) void read();
    };
    // What could not be read because the server was away is read when it is back.
    const retry = effect(() => {
      const current = life.peek();
      if (link.value.kind === "live" && current.kind === "refused" && current.refusal.retryable) void read();
    });
    const stops = [retry, onChanges(({ events }) => take(events)), onAnew(() => void read())];
    void whenBegun().then(read);
    return () => {
      abort.abort();
      for (const stop of stops) stop();
    };
  }, [callbackId]);
  return life;
}

async function readLife(callbackId: string, signal: AbortSignal): Promise<Life> {
  const key = { key: { case: "callbackId", value: callbackId } } as const;
  try {
    // The events first: the callback is then at least as new as the last of them.
    const history = await readHistory(key, signal);
    const { callback } = await callbacks.getCallback({ key }, { signal });
    if (callback === undefined) return { kind: "reading" };
    return { kind: "read", callback, history };
  } catch (error) {
    return { kind: "refused", refusal: refusalOf(error) };
  }
}

type Key = Parameters<typeof callbacks.listCallbackEvents>[0]["key"];

async function readHistory(key: Key, signal: AbortSignal): Promise<History> {
  if (!may("ListCallbackEvents")) return { events: [], complete: false };
  const events: CallbackEvent[] = [];
  let pageToken = "";
  let complete = false;
  do {
    const page = await callbacks.listCallbackEvents({ key: key ?? {}, pageSize: PAGE, pageToken }, { signal });
    if (pageToken === "") complete = page.complete;
    events.push(...page.events);
    pageToken = page.nextPageToken;
  } while (pageToken !== "" && events.length < MAX_EVENTS);
  return { events: withEvents([], events).events, complete };
}
