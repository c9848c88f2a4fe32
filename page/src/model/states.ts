// The states of callbacks, in the order in which they are shown.
import { CallbackState } from "ringback/v1/callback_pb.js";

export const OPEN_STATES: readonly CallbackState[] = [
  CallbackState.SCHEDULED,
  CallbackState.QUEUED,
  CallbackState.OFFERED,
  CallbackState.DIALING,
  CallbackState.CONNECTED,
  CallbackState.CANCELLING,
];
export const ENDED_STATES: readonly CallbackState[] = [
  CallbackState.COMPLETED,
  CallbackState.FAILED,
  CallbackState.CANCELLED,
  CallbackState.EXPIRED,
];
export const STATES: readonly CallbackState[] = [...OPEN_STATES, ...ENDED_STATES];

/** They never change again. */
export const ENDED: ReadonlySet<CallbackState> = new Set(ENDED_STATES);

/** Return whether a callback is still to be kept. A state of a newer server counts as open: nothing is said to be over. */
export function isOpen(state: CallbackState): boolean {
  return !ENDED.has(state);
}
