// The selected callback in short: why it is where it is, what can be done, its attempts and facts.
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { toJsonString } from "@bufbuild/protobuf";
import {
  type Attempt,
  type Callback,
  CallbackSchema,
  type CallbackState,
  CallOutcome,
} from "ringback/v1/callback_pb.js";

import { CallbackActs } from "../acts/callback-acts.js";
import { writing } from "../acts/writing.js";
import type { Refusal } from "../api/errors.js";
import { Link } from "../app/router.js";
import { identity } from "../app/session.js";
import { useStanding } from "../callback/standing.js";
import { asOf, zone } from "../live/clock.js";
import { WaitingReason } from "ringback/v1/directory_service_pb.js";
import { queues, serviceName } from "../live/queues.js";
import { callbackPath } from "../model/address.js";
import { grpcurl } from "../model/grpcurl.js";
import { reasonWords } from "../model/reason-words.js";
import { clockTime, ms, span } from "../model/times.js";
import { attemptsLeft } from "../model/trace.js";
import { counted, outcomeLook, priorityWord, stateLook } from "../model/words.js";
import { CopyButton } from "../parts/copy.js";
import { Glyph } from "../parts/glyph.js";
import { Loading, Refused } from "../parts/messages.js";
import { StateChip } from "../parts/state-chip.js";
import { Target } from "../parts/target.js";
import { Since, When } from "../parts/when.js";
import { useFocusHandedOn } from "./focus.js";
import { deselect } from "./moves.js";
import { standsAt } from "./position.js";
import { useSelected } from "./selected.js";

/** Told in short: the life has all of them. */
const MAX_ATTEMPTS = 8;

export function Panel({ id }: { id: string }): JSX.Element {
  const selected = useSelected(id);
  const panel = useRef<HTMLElement>(null);
  useFocusHandedOn(panel);
  const callback = selected.callback.value;
  return (
    <aside ref={panel} class="panel" aria-label="Selected callback" data-id={id}>
      <header>
        {callback && <StateChip state={callback.state} />}
        <button type="button" class="quiet close" aria-label="Close" onClick={deselect}>
          <Glyph name="x" />
        </button>
      </header>
      {selected.removed.value && <p class="note">The server has this callback no more.</p>}
      {callback ? <Facts callback={callback} /> : <Missing refusal={selected.refusal.value} />}
    </aside>
  );
}

function Missing({ refusal }: { refusal: Refusal | null }): JSX.Element {
  if (!refusal) return <Loading text="Reading the callback" />;
  return (
    <Refused
      refusal={refusal}
      title={refusal.code === "NOT_FOUND" ? "There is no such callback" : "It cannot be shown"}
    />
  );
}

function Facts({ callback }: { callback: Callback }): JSX.Element {
  const request = callback.callbackRequest;
  const caller = request?.callerId ? `, for ${request.callerId}` : "";
  const priority = request ? `, ${priorityWord(request.priority).toLowerCase()} priority` : "";
  return (
    <>
      <p class="big">
        <Target uri={callback.dialTarget} />
      </p>
      <p class="sub">
        {serviceName(callback.serviceId)}
        {priority}
        {caller}
      </p>
      <ReasonBox callback={callback} />
      <CallbackActs callback={callback} />
      <Attempts callback={callback} />
      <FactList callback={callback} />
      <p class="row">
        <Link class="btn" to={callbackPath(callback.callbackId)}>
          Open its life <kbd>↵</kbd>
        </Link>
        <CopyButton text={() => callback.callbackId} does="copy id" keys="c">
          Copy id
        </CopyButton>
        <CopyButton text={() => grpcurl(callback.callbackId, identity.peek()?.signInNeeded ?? false)}>
          Copy as grpcurl
        </CopyButton>
        <CopyButton text={() => toJsonString(CallbackSchema, callback, { prettySpaces: 2, useProtoFieldName: true })}>
          Copy JSON
        </CopyButton>
      </p>
    </>
  );
}

/** Why it waits, in the server's words, as of when it was asked. */
function ReasonBox({ callback }: { callback: Callback }): JSX.Element | null {
  const standing = useStanding(callback);
  useEffect(() => {
    standsAt.value = standing && {
      id: callback.callbackId,
      revision: callback.revision,
      position: standing.position?.position ?? 0,
    };
    return () => {
      standsAt.value = null;
    };
  }, [standing]);
  const position = standing?.position;
  if (!position || position.explanation === "" || position.reason === WaitingReason.UNSPECIFIED) return null;
  const { lead, rest } = reasonWords(position.explanation, serviceName(callback.serviceId), writing().clock);
  return (
    <div class="why-box">
      {lead !== "" && <b>{lead} </b>}
      {rest}
      {asOf.value !== null && <span class="asof"> As of {clockTime(asOf.value, asOf.value, zone)}.</span>}
    </div>
  );
}

function Attempts({ callback }: { callback: Callback }): JSX.Element {
  const retries = queues.value.get(callback.serviceId)?.service.defaultMaxRetries;
  const left = attemptsLeft(callback, retries);
  const { attempts } = callback;
  const newest = attempts.slice(-MAX_ATTEMPTS).reverse();
  return (
    <>
      <h2>
        {attempts.length === 0 ? "No attempt yet" : counted(attempts.length, "attempt")}
        {left !== null && left > 0 && `, ${left} left`}
      </h2>
      <ol class="mini">
        {newest.map((attempt) => (
          <AttemptLine key={attempt.number} attempt={attempt} state={callback.state} />
        ))}
        {attempts.length > newest.length && (
          <li class="sub rest">{counted(attempts.length - newest.length, "earlier attempt")}</li>
        )}
      </ol>
    </>
  );
}

function AttemptLine({ attempt, state }: { attempt: Attempt; state: CallbackState }): JSX.Element {
  const running = attempt.outcome === CallOutcome.UNSPECIFIED;
  const { word, glyph, tone } = running ? stateLook(state) : outcomeLook(attempt.outcome);
  const start = ms(attempt.startTime);
  return (
    <li>
      <Glyph name={glyph} class={tone} />
      <span class="mono">{start !== null && <When at={start} only="absolute" />}</span>
      <span>{word}</span>
      <span class="sub">{running ? <Running attempt={attempt} /> : lengthsOf(attempt)}</span>
    </li>
  );
}

/** "rang 0:08, talking 0:21": what is still going on counts. */
function Running({ attempt }: { attempt: Attempt }): JSX.Element {
  const [ring, answer] = [ms(attempt.ringTime), ms(attempt.answerTime)];
  const since = answer ?? ring ?? ms(attempt.startTime);
  const doing = answer !== null ? "talking" : ring !== null ? "ringing" : "dialling";
  return (
    <>
      {ring !== null && answer !== null && `rang ${span(answer - ring)}, `}
      {doing} {since !== null && <Since at={since} />}
    </>
  );
}

/** "rang 0:08, talked 0:21"; "did not ring". */
function lengthsOf(attempt: Attempt): string {
  const [ring, answer, end] = [ms(attempt.ringTime), ms(attempt.answerTime), ms(attempt.endTime)];
  const parts: string[] = [];
  const rangUntil = answer ?? end;
  if (ring !== null && rangUntil !== null) parts.push(`rang ${span(rangUntil - ring)}`);
  if (answer !== null && end !== null) parts.push(`talked ${span(end - answer)}`);
  if (ring === null && answer === null && end !== null) parts.push("did not ring");
  return parts.join(", ");
}

function FactList({ callback }: { callback: Callback }): JSX.Element {
  const request = callback.callbackRequest;
  const labels = Object.entries(request?.labels ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .sort();
  const facts: [string, JSX.Element | string | null | undefined, boolean?][] = [
    ["Due", moment(ms(callback.nextAttemptTime) ?? ms(callback.dueTime))],
    ["Expires", callback.endTime ? null : moment(ms(callback.expireTime))],
    ["Ended", moment(ms(callback.endTime))],
    ["Cancelled", callback.cancelReason],
    ["Task", request?.externalTaskId, true],
    ["Description", request?.description],
    ["Supervisor", request?.supervisor],
    ["Labels", labels.join(", ")],
    ["Created", moment(ms(callback.createTime))],
    ["Id", callback.callbackId, true],
  ];
  return (
    <dl class="facts">
      {facts.map(([name, value, mono]) =>
        value ? (
          <>
            <dt>{name}</dt>
            <dd class={mono ? "mono" : undefined}>{value}</dd>
          </>
        ) : null,
      )}
    </dl>
  );
}

function moment(at: number | null): JSX.Element | null {
  return at === null ? null : <When at={at} />;
}
