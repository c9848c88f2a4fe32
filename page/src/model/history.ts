// The events of one callback, folded. Pure.
import type { Callback } from "ringback/v1/callback_pb.js";
import type { CallbackEvent } from "ringback/v1/callbacks_service_pb.js";

import type { History } from "./entries.js";

/** Return the events with others, in the order of their revisions, each once; and whether some in between are missing. */
export function withEvents(
  before: readonly CallbackEvent[],
  added: readonly CallbackEvent[],
): { events: CallbackEvent[]; hasGap: boolean } {
  const byRevision = new Map<bigint, CallbackEvent>();
  for (const event of [...before, ...added]) {
    const revision = event.callback?.revision;
    // The first one stays: of a history it says what kind of change it was, and a stream may say it again.
    if (revision !== undefined && !byRevision.has(revision)) byRevision.set(revision, event);
  }
  const events = [...byRevision].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, event]) => event);
  const last = before.at(-1)?.callback?.revision;
  const next = events.find(({ callback }) => last !== undefined && (callback?.revision ?? 0n) > last);
  const hasGap = last !== undefined && next?.callback !== undefined && next.callback.revision > last + 1n;
  return { events, hasGap };
}

/** A callback and what is kept of its history. */
export interface Picture {
  callback: Callback;
  history: History;
}

/** Return a picture that was read, with what the stream has brought to the one before it meanwhile. */
export function readAgain(before: Picture, read: Picture): Picture {
  const { events } = withEvents(read.history.events, before.history.events);
  const isNewer = before.callback.revision > read.callback.revision;
  return {
    callback: isNewer ? before.callback : read.callback,
    history: { events, complete: read.history.complete },
  };
}
