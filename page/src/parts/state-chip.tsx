// A state: shape and word, as the API spells it.
import type { JSX } from "preact";
import type { CallbackState } from "ringback/v1/callback_pb.js";

import { stateLook } from "../model/words.js";
import { Glyph } from "./glyph.js";

export function StateChip({ state }: { state: CallbackState }): JSX.Element {
  const { word, glyph, tone } = stateLook(state);
  return (
    <span class={`chip ${tone}`}>
      <Glyph name={glyph} />
      {word}
    </span>
  );
}
