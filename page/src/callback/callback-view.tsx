// One callback: its whole life, why it is where it is, its request, and what can be done.
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { type Callback, CallbackState } from "ringback/v1/callback_pb.js";

import { pending, whyNotNow, whyOff } from "../acts/acts.js";
import { CallbackActs } from "../acts/callback-acts.js";
import { writing } from "../acts/writing.js";
import { useKeys } from "../app/keys.js";
import { address, go, Link } from "../app/router.js";
import { may } from "../app/session.js";
import { asOf, now, zone } from "../live/clock.js";
import { serviceName } from "../live/queues.js";
import { callbackPath } from "../model/address.js";
import type { History } from "../model/entries.js";
import { reasonWords } from "../model/reason-words.js";
import { lifeOf, missingWords } from "../model/timeline.js";
import { timeOfDay } from "../model/times.js";
import { priorityWord, stateWord } from "../model/words.js";
import { Loading, Refused } from "../parts/messages.js";
import { StateChip } from "../parts/state-chip.js";
import { Target } from "../parts/target.js";
import { Copies, Facts } from "./facts.js";
import { lastList } from "./last-list.js";
import { NotFound } from "./not-found.js";
import { useLife } from "./reading.js";
import { useStanding } from "./standing.js";
import { Timeline } from "./timeline.js";
import { TraceView } from "./trace-view.js";

export function CallbackView(): JSX.Element {
  const { id, rest } = address.value;
  const life = useLife(id).value;
  const [part, attempt] = rest;
  useKeys([{ keys: "Escape", does: "back", run: () => go(part === undefined ? lastList() : callbackPath(id)) }]);
  switch (life.kind) {
    case "reading":
      return <Loading text="Reading the callback." />;
    case "refused":
      return life.refusal.code === "NOT_FOUND" || life.refusal.code === "INVALID_ARGUMENT" ? (
        <NotFound what={id} />
      ) : (
        <Refused refusal={life.refusal} />
      );
    case "read":
      if (part === "trace") return <TraceView callback={life.callback} attempt={Number(attempt)} />;
      return <One callback={life.callback} history={life.history} />;
  }
}

function One({ callback, history }: { callback: Callback; history: History }): JSX.Element {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus({ preventScroll: true }), [callback.callbackId]);
  const asked = pending.value.get(callback.callbackId);
  const frozen = asOf.value;
  return (
    <section class="cb" aria-label="One callback" data-id={callback.callbackId}>
      <div class="life">
        <p class="crumb">
          <Link to={lastList()}>Callbacks</Link> / {crumbOf(callback)}
        </p>
        <header>
          <h1 class="big" ref={heading} tabIndex={-1}>
            <Target uri={callback.dialTarget} />
          </h1>
          <StateChip state={callback.state} />
          {asked !== undefined && <span class="asked">{asked} …</span>}
          {frozen !== null && <span class="asof">as of {timeOfDay(frozen, zone)}</span>}
        </header>
        <p class="sub text">{summary(callback)}</p>
        <Missing history={history} />
        <Told callback={callback} history={history} />
      </div>
      <aside>
        <div class="doing">
          <Doing callback={callback} />
        </div>
        <div class="asks">
          <Facts callback={callback} />
          <Copies callback={callback} />
        </div>
      </aside>
    </section>
  );
}

function crumbOf({ callbackId, callbackRequest }: Callback): string {
  return callbackRequest?.externalTaskId || callbackId;
}

function summary(callback: Callback): string {
  const { callbackRequest: request, revision } = callback;
  const parts = [
    serviceName(callback.serviceId),
    request && `${priorityWord(request.priority).toLowerCase()} priority`,
    request && request.callerId !== "" && `for ${request.callerId}`,
  ];
  return `${parts.filter(Boolean).join(", ")}. Revision ${String(revision)}.`;
}

function Missing({ history }: { history: History }): JSX.Element | null {
  if (!may("ListCallbackEvents")) return <p class="note missing">{whyOff("ListCallbackEvents")}</p>;
  const words = missingWords(history);
  return words === "" ? null : <p class="note missing">{words}</p>;
}

function Told({ callback, history }: { callback: Callback; history: History }): JSX.Element {
  const at = now.value;
  const telling = { ...writing(), now: at, service: serviceName(callback.serviceId) };
  return (
    <Timeline
      entries={lifeOf(callback, history, telling)}
      now={at}
      box={<Reason callback={callback} />}
      trace={({ number }) =>
        may("GetCallTrace") && (
          <Link to={`${callbackPath(callback.callbackId)}/trace/${String(number)}`}>SIP messages</Link>
        )
      }
    />
  );
}

/** Why it is not dialled yet, in the server's words. */
function Reason({ callback }: { callback: Callback }): JSX.Element | null {
  const standing = useStanding(callback);
  const position = standing?.position;
  if (!position || position.explanation === "" || !WAITS.has(callback.state)) return null;
  const { lead, rest } = reasonWords(position.explanation, serviceName(callback.serviceId), writing().clock);
  return (
    <div class="box">
      {lead !== "" && <b>{lead} </b>}
      {rest}
    </div>
  );
}

const WAITS: ReadonlySet<CallbackState> = new Set([CallbackState.SCHEDULED, CallbackState.QUEUED]);

/** The acts, each with why it is off where it is. */
function Doing({ callback }: { callback: Callback }): JSX.Element {
  return (
    <>
      <h2>What you can do</h2>
      <CallbackActs callback={callback} />
      <p class="note">{noteOf(callback, whyNotNow("change", callback))}</p>
    </>
  );
}

function noteOf(callback: Callback, ended: string): string {
  if (ended !== "") return ended;
  const why = whyOff("UpdateCallback") || whyOff("CancelCallback");
  if (why !== "") return why;
  return WAITS.has(callback.state)
    ? "Each asks first and says what it will do. While SCHEDULED or QUEUED all of it can change; later only what the agent reads."
    : `While ${stateWord(callback.state)} only what the agent reads can change.`;
}
