// What ending all callbacks to one number says before it is done. Pure.
import { CallbackState } from "ringback/v1/callback_pb.js";

import { counted } from "../model/words.js";
import type { Sentence } from "./sentences.js";

export type ResolveEffect = "ends" | "hangsUp" | "stays";

/** Return what becomes of a callback in a state. */
export function resolveEffect(state: CallbackState): ResolveEffect {
  switch (state) {
    case CallbackState.CONNECTED:
    case CallbackState.CANCELLING:
    case CallbackState.COMPLETED:
    case CallbackState.FAILED:
    case CallbackState.CANCELLED:
    case CallbackState.EXPIRED:
      return "stays";
    case CallbackState.DIALING:
      return "hangsUp";
    default:
      return "ends";
  }
}

/** `more`: there are more than are listed. */
export function resolveSentence(states: readonly CallbackState[], more: boolean): Sentence {
  const count = (wanted: ResolveEffect): number => states.filter((state) => resolveEffect(state) === wanted).length;
  const parts = [
    count("ends") > 0 &&
      `${counted(count("ends"), "callback")} ${count("ends") === 1 ? "ends" : "end"} as CANCELLED at once.`,
    count("hangsUp") > 0 &&
      `${counted(count("hangsUp"), "callback")} ${count("hangsUp") === 1 ? "is" : "are"} being dialled: the dialer hangs up.`,
    count("stays") > 0 && `${counted(count("stays"), "callback")} ${count("stays") === 1 ? "is" : "are"} left alone.`,
    more && "There are more than are listed here, and all of them end.",
  ];
  return {
    possible: true,
    now: "Every open callback to the number is listed before anything ends.",
    happens: parts.filter(Boolean).join(" "),
    final: states.length > 0 ? "This cannot be undone." : "",
    meanwhile: "",
  };
}
