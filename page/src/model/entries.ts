// What a timeline is made of.

import type { CallbackEvent } from "ringback/v1/callbacks_service_pb.js";
import type { GlyphName } from "../parts/glyph.js";
import type { AttemptLife } from "./attempt-life.js";
import type { Writing } from "./changes.js";

/** What is kept of the history of a callback. */
export interface History {
  /** The oldest first, each revision once. */
  events: readonly CallbackEvent[];
  /** Whether the first of them is the creation. */
  complete: boolean;
}

export interface Telling extends Writing {
  now: number;
  /** The name of the callback's service. */
  service: string;
}

export interface Entry {
  /** Stays the same while the callback lives, so that a screen reader keeps its place. */
  key: string;
  place: "past" | "gap" | "now" | "future";
  /** When it happened or will happen; null where that is not known. */
  at: number | null;
  /** In place of a time: how long a gap is. */
  length?: string;
  /** null: nothing but a line. */
  glyph: GlyphName | null;
  title: string;
  text: string;
  attempt?: AttemptLife;
}
