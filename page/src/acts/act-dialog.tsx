// The frame of every act: what it is about, how that stands now, what will happen, the fields, and two buttons.
import type { ComponentChildren, JSX, TargetedEvent } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";

import type { Refusal } from "../api/errors.js";
import { Dialog } from "../parts/dialog.js";
import { Glyph } from "../parts/glyph.js";
import { whyOff } from "./act-button.js";
import type { Sentence } from "./sentences.js";
import type { Sending } from "./sending.js";

export function ActDialog(props: {
  title: ComponentChildren;
  rpc: string;
  said: Sentence;
  /** What has changed since the dialog was opened. */
  changes?: readonly string[];
  sending: Sending;
  dead: boolean;
  /** Why it cannot be sent as it stands, such as "Nothing is changed yet"; "" where it can. */
  notYet?: string;
  button: string;
  busyWord: string;
  keep: string;
  danger?: boolean;
  wide?: boolean;
  /** What helps when it was refused, such as a link. */
  help?: ComponentChildren;
  onSend: () => void;
  onClose: () => void;
  children?: ComponentChildren;
}): JSX.Element {
  const { said, sending, dead, changes = [], notYet = "" } = props;
  const busy = sending.busy.value;
  const form = useRef<HTMLFormElement>(null);
  const noteId = useId();
  const saidId = useId();
  const refusal = sending.refusal.value;
  useEffect(() => {
    // The first field that is wrong has the focus: what is wrong is read with it.
    if (refusal !== null) form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
  }, [refusal]);
  const why = whyOff(props.rpc) || (said.possible ? notYet : "Not possible in this state.");
  const off = busy || dead || why !== "";
  const submit = (event: TargetedEvent<HTMLFormElement>): void => {
    event.preventDefault();
    if (!off) props.onSend();
  };
  return (
    <Dialog title={props.title} onClose={props.onClose} class={props.wide ? "wide" : ""} describedBy={saidId}>
      <form ref={form} noValidate onSubmit={submit}>
        <div id={saidId}>
          <p class="stands">{said.now}</p>
          {said.happens !== "" && <p>{said.happens}</p>}
          {said.final !== "" && <p>{said.final}</p>}
        </div>
        {said.meanwhile !== "" && <p class="sub">{said.meanwhile}</p>}
        <div role="status">{changes.length > 0 && <Changes changes={changes} now={said.now} />}</div>
        {props.children}
        {refusal !== null && <RefusedAct refusal={refusal} others={sending.others.value} help={props.help} />}
        <div class="act">
          {why !== "" && (
            <p class="note" id={noteId}>
              {why}
            </p>
          )}
          <button type="button" onClick={props.onClose}>
            {props.keep}
          </button>
          <button
            type="submit"
            class={props.danger ? "danger" : "prim"}
            aria-disabled={off}
            {...(why !== "" && { "aria-describedby": noteId })}
          >
            {busy ? props.busyWord : props.button}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** How it stands is said again here: a screen reader says what is new, and this is. */
function Changes({ changes, now }: { changes: readonly string[]; now: string }): JSX.Element {
  return (
    <div class="changed">
      <p>
        <Glyph name="warn" /> It has changed since you opened this:
      </p>
      <ul>
        {changes.map((change) => (
          <li key={change}>{change}</li>
        ))}
      </ul>
      <p class="vh">{now}</p>
    </div>
  );
}

function RefusedAct(props: { refusal: Refusal; others: readonly string[]; help?: ComponentChildren }): JSX.Element {
  const { refusal, others } = props;
  return (
    <div class="refused" role="alert">
      <p>
        <Glyph name="warn" /> <b>{titleOf(refusal)}</b>{" "}
        {refusal.violations.length > others.length ? "" : refusal.message}
      </p>
      {others.length > 0 && (
        <ul>
          {others.map((words) => (
            <li key={words}>{words}</li>
          ))}
        </ul>
      )}
      {props.help}
      <p class="note">
        {refusal.code}
        {refusal.reason && `, reason ${refusal.reason}`}
        {refusal.requestId && (
          <>
            , request <span class="mono">{refusal.requestId}</span>
          </>
        )}
      </p>
    </div>
  );
}

function titleOf({ code, reason, violations }: Refusal): string {
  if (violations.length > 0) return "Nothing was stored: see the fields.";
  if (reason === "ETAG_MISMATCH") return "It was changed meanwhile, so nothing was done. Look again.";
  if (code === "UNAVAILABLE" || code === "DEADLINE_EXCEEDED") return "It is not known whether this was done.";
  return "The server refused.";
}
