// Where the selected callback stands in its queue, as the server has said it: nothing is worked out here.
import { signal } from "@preact/signals";
import type { Callback } from "ringback/v1/callback_pb.js";

export interface Stands {
  id: string;
  /** Of the callback, when the server was asked. */
  revision: bigint;
  /** 0: not QUEUED. */
  position: number;
}

export const standsAt = signal<Stands | null>(null);

/** How many are in front of a callback, if the server has said so of its present revision. */
export function aheadOf({ callbackId, revision }: Callback): number | undefined {
  const told = standsAt.value;
  return told?.id === callbackId && told.revision === revision && told.position > 0 ? told.position - 1 : undefined;
}
