// The request of a callback, field by field, and what is copied of it.
import { toJsonString } from "@bufbuild/protobuf";
import type { ComponentChildren, JSX } from "preact";
import { type Callback, CallbackSchema } from "ringback/v1/callback_pb.js";

import { shownTarget } from "../app/mask.js";
import { identity } from "../app/session.js";
import { queues, serviceName } from "../live/queues.js";
import { callbackPath } from "../model/address.js";
import { contextLink } from "../model/context-link.js";
import { grpcurl } from "../model/grpcurl.js";
import { plainSpan } from "../model/plain-spans.js";
import { ms } from "../model/times.js";
import { priorityWord } from "../model/words.js";
import { CopyButton } from "../parts/copy.js";
import { Target } from "../parts/target.js";
import { When } from "../parts/when.js";

export function Facts({ callback }: { callback: Callback }): JSX.Element {
  const request = callback.callbackRequest;
  const service = queues.value.get(callback.serviceId)?.service;
  const due = ms(request?.dueDate);
  const expires = ms(callback.expireTime);
  const labels = Object.entries(request?.labels ?? {}).sort(([one], [other]) => (one < other ? -1 : 1));
  return (
    <dl class="facts">
      {request && <Fact name="Priority">{priorityWord(request.priority)}</Fact>}
      <Fact name="Service">
        <span class="text">{serviceName(callback.serviceId)}</span>{" "}
        {service !== undefined && service.displayName !== "" && <span class="mono sub">{service.sipAddress}</span>}
      </Fact>
      {request && (
        <Fact name="Target">
          <Target uri={request.target} />
        </Fact>
      )}
      {request && request.alternativeTarget !== "" && (
        <Fact name="Instead">
          <Target uri={request.alternativeTarget} />
        </Fact>
      )}
      <Text name="Caller" value={request?.callerId} />
      <Text name="Task" value={request?.externalTaskId} mono />
      <Text name="Supervisor" value={request?.supervisor} />
      <Text name="Description" value={request?.description} />
      {request && request.contextUrl !== "" && (
        <Fact name="Context">
          <Context url={request.contextUrl} />
        </Fact>
      )}
      {due !== null && (
        <Fact name="Due">
          <When at={due} only="absolute" />
        </Fact>
      )}
      {expires !== null && (
        <Fact name="Expires">
          <When at={expires} only="absolute" />
        </Fact>
      )}
      {request?.maxRetries !== undefined && <Fact name="Retries">{retriesWords(callback)}</Fact>}
      {labels.length > 0 && (
        <Fact name="Labels">
          {labels.map(([key, value]) => (
            <span key={key} class="label text">
              {key}={value}
            </span>
          ))}
        </Fact>
      )}
      <Text name="From session" value={request && shownTarget(request.incomingServiceSipUri)} mono />
      <Text name="Held by" value={callback.leasedBy} />
      <Text name="Id" value={callback.callbackId} mono />
      <Text name="Etag" value={callback.etag} mono />
    </dl>
  );
}

function Fact({ name, children }: { name: string; children: ComponentChildren }): JSX.Element {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

function Text(props: { name: string; value: string | undefined; mono?: boolean }): JSX.Element | null {
  if (props.value === undefined || props.value === "") return null;
  return (
    <Fact name={props.name}>
      <span class={props.mono ? "mono text" : "text"}>{props.value}</span>
    </Fact>
  );
}

function retriesWords({ callbackRequest }: Callback): string {
  const apart = callbackRequest?.secondsBetweenRetries ?? 0;
  const retries = callbackRequest?.maxRetries ?? 0;
  if (retries === 0) return "none";
  return apart === 0 ? String(retries) : `${String(retries)}, at least ${plainSpan(apart * 1000)} apart`;
}

/** A link only where it is one of the web; anything else is text. */
function Context({ url }: { url: string }): JSX.Element {
  const link = contextLink(url);
  if (link === null) return <span class="text">{url}</span>;
  return (
    <a class="out text" href={link.href} target="_blank" rel="noopener noreferrer">
      <b>{link.host}</b>
      {link.rest}
    </a>
  );
}

export function Copies({ callback }: { callback: Callback }): JSX.Element {
  const { callbackId } = callback;
  return (
    <div class="row">
      <CopyButton text={() => grpcurl(callbackId, identity.peek()?.signInNeeded ?? false)}>Copy as grpcurl</CopyButton>
      <CopyButton text={() => toJsonString(CallbackSchema, callback, { prettySpaces: 2, useProtoFieldName: true })}>
        Copy JSON
      </CopyButton>
      <CopyButton text={() => location.origin + callbackPath(callbackId)} keys="y" does="copy the link">
        Copy link
      </CopyButton>
      <CopyButton text={() => callbackId} keys="c" does="copy the id">
        Copy id
      </CopyButton>
    </div>
  );
}
