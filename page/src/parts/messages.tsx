// Loading, empty, refused: what stands where rows would be.
import type { ComponentChildren, JSX } from "preact";

import type { Refusal } from "../api/errors.js";
import { timeOfDay } from "../model/times.js";
import { serverNow, zone } from "../live/clock.js";
import { Glyph } from "./glyph.js";

const WIDTHS = ["w92", "w84", "w96", "w78", "w89", "w71", "w86"];

/** `text`: what is read, and how far it is. */
export function Loading({ text, children }: { text: string; children?: ComponentChildren }): JSX.Element {
  return (
    <section class="loading" aria-busy="true" aria-label="Loading">
      <p>
        <b>{text}</b> <span class="sub">{children}</span>
      </p>
      {WIDTHS.map((width) => (
        <div key={width} class={`sk ${width}`} />
      ))}
    </section>
  );
}

/** `title`: what there is none of; `actions`: what helps. */
export function Empty(props: {
  title: string;
  children?: ComponentChildren;
  actions?: ComponentChildren;
}): JSX.Element {
  return (
    <section class="msg">
      <h1>{props.title}</h1>
      {props.children && <div class="words">{props.children}</div>}
      {props.actions && <p class="row">{props.actions}</p>}
    </section>
  );
}

/** What the server refused, with what its log has it by. */
export function Refused(props: { refusal: Refusal; title?: string; actions?: ComponentChildren }): JSX.Element {
  const { refusal, title = "The server refused to show this", actions } = props;
  return (
    <section class="msg" role="alert">
      <h1>
        <Glyph name="warn" /> {title}
      </h1>
      <p>
        {refusal.code}
        {refusal.reason && `, reason ${refusal.reason}`}. {refusal.message}
      </p>
      {actions && <p class="row">{actions}</p>}
      <p class="note">
        {refusal.requestId && (
          <>
            Request <span class="mono">{refusal.requestId}</span>,{" "}
          </>
        )}
        {timeOfDay(serverNow(), zone)}. {refusal.retryable ? "" : "The page does not retry what cannot succeed."}
      </p>
    </section>
  );
}
