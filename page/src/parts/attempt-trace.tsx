// One glyph per attempt, in order, and hollow dots for those that are left.
import type { JSX } from "preact";
import type { Callback } from "ringback/v1/callback_pb.js";

import { type Mark, traceOf } from "../model/trace.js";
import { Glyph } from "./glyph.js";

export function AttemptTrace({
  callback,
  maxRetries,
}: {
  callback: Callback;
  maxRetries?: number | undefined;
}): JSX.Element {
  const { first, between, last, dots, moreLeft, sentence } = traceOf(callback, maxRetries);
  return (
    <span class="marks" role="img" aria-label={sentence} title={sentence}>
      {first.map(mark)}
      {between > 0 && <span class="between">+{between}</span>}
      {last.map(mark)}
      {Array.from({ length: dots }, (_, index) => (
        <span key={`dot ${String(index)}`} class="dot-left" />
      ))}
      {moreLeft > 0 && <span class="between">+{moreLeft}</span>}
    </span>
  );
}

function mark({ glyph, tone, title }: Mark): JSX.Element {
  return <Glyph key={title} name={glyph} class={tone} />;
}
