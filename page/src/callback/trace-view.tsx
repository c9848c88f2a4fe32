// The SIP messages of one attempt as a ladder; each opens to its text.
import { useSignal } from "@preact/signals";
import { Fragment, type JSX } from "preact";
import { useEffect } from "preact/hooks";
import type { Callback } from "ringback/v1/callback_pb.js";
import type { SipMessage } from "ringback/v1/callbacks_service_pb.js";

import { callbacks } from "../api/clients.js";
import { type Refusal, refusalOf } from "../api/errors.js";
import { Link } from "../app/router.js";
import { zone } from "../live/clock.js";
import { callbackPath } from "../model/address.js";
import { type Ladder, ladderOf } from "../model/ladder.js";
import { fullTime, isoTime } from "../model/times.js";
import { CopyButton } from "../parts/copy.js";
import { Empty, Loading, Refused } from "../parts/messages.js";

type Trace = { kind: "reading" } | { kind: "refused"; refusal: Refusal } | { kind: "read"; messages: SipMessage[] };

export function TraceView({ callback, attempt }: { callback: Callback; attempt: number }): JSX.Element {
  const { callbackId } = callback;
  const found = callback.attempts.find(({ number }) => number === attempt);
  const isRunning = found !== undefined && found.endTime === undefined;
  const trace = useSignal<Trace>({ kind: "reading" });
  useEffect(() => {
    const abort = new AbortController();
    const read = async (): Promise<void> => {
      let next: Trace;
      try {
        const key = { key: { case: "callbackId", value: callbackId } } as const;
        const { messages } = await callbacks.getCallTrace({ key, attempt }, { signal: abort.signal });
        next = { kind: "read", messages };
      } catch (error) {
        next = { kind: "refused", refusal: refusalOf(error) };
      }
      if (!abort.signal.aborted) trace.value = next;
    };
    if (found !== undefined) void read();
    return () => abort.abort();
    // A call that goes on has more messages with every change of its callback.
  }, [callbackId, attempt, isRunning ? callback.revision : 0n]);
  const back = (
    <Link class="btn" to={callbackPath(callbackId)}>
      Back to the callback
    </Link>
  );
  if (found === undefined) {
    return (
      <Empty title="No such attempt" actions={back}>{`The callback has ${String(callback.attempts.length)}.`}</Empty>
    );
  }
  switch (trace.value.kind) {
    case "reading":
      return <Loading text="Reading the SIP messages." />;
    case "refused":
      return <Refused refusal={trace.value.refusal} actions={back} />;
    case "read":
      if (trace.value.messages.length === 0) return <NoTrace attempt={attempt} back={back} />;
      return <Messages callbackId={callbackId} attempt={attempt} messages={trace.value.messages} />;
  }
}

function NoTrace({ attempt, back }: { attempt: number; back: JSX.Element }): JSX.Element {
  return (
    <Empty title={`No SIP messages of attempt ${String(attempt)}`} actions={back}>
      This server has none: it keeps those of the last calls that its own SIP dialer has made, and only until it is
      restarted. Look on the server or the PBX that made the call; the Call-ID finds it there.
    </Empty>
  );
}

function Messages(props: { callbackId: string; attempt: number; messages: SipMessage[] }): JSX.Element {
  const ladder = ladderOf(props.messages);
  return (
    <section class="trace" aria-label="SIP messages">
      <p class="crumb">
        <Link to="/ui/callbacks">Callbacks</Link> / <Link to={callbackPath(props.callbackId)}>{props.callbackId}</Link>{" "}
        / attempt {props.attempt}
      </p>
      <header>
        <h1 class="big">SIP messages of attempt {props.attempt}</h1>
        <CopyButton text={() => props.messages.map(({ text }) => text).join("\n")}>Copy all</CopyButton>
      </header>
      <p class="sub">Numbers are masked and credentials are taken out by the server.</p>
      <Legs ladder={ladder} />
      <ol class="ladder">
        {ladder.rows.map((row, index) => (
          <li key={index}>
            <details>
              <summary>
                <time dateTime={isoTime(row.at)} title={fullTime(row.at, zone)}>
                  {row.after}
                </time>
                <span class="leg">{row.leg}</span>
                <span class={row.sent ? "arrow sent" : "arrow"}>
                  <span aria-hidden="true">{row.sent ? "→" : "←"}</span>
                  <span class="vh">{row.sent ? "sent" : "received"}</span>
                </span>
                <b class="text">{row.line}</b>
                <span class="sub text">{row.peer}</span>
              </summary>
              <pre class="mono">{row.text}</pre>
            </details>
          </li>
        ))}
      </ol>
    </section>
  );
}

function Legs({ ladder }: { ladder: Ladder }): JSX.Element {
  return (
    <dl class="facts">
      {ladder.legs.map(({ leg, callId }) => (
        <Fragment key={leg}>
          <dt>Leg {leg}</dt>
          <dd class="mono">{callId}</dd>
        </Fragment>
      ))}
    </dl>
  );
}
