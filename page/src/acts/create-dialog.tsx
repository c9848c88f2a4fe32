// Request a callback: every field of a request, judged by the server while one types, and created once.
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { type Callback, type CallbackRequest, CallbackRequestSchema, CallbackState } from "ringback/v1/callback_pb.js";

import { callbacks } from "../api/clients.js";
import { type Refusal, refusalOf } from "../api/errors.js";
import { go, Link } from "../app/router.js";
import { canChange } from "../live/connection.js";
import { zone } from "../live/clock.js";
import { serviceName } from "../live/queues.js";
import { callbackPath } from "../model/address.js";
import { ms } from "../model/times.js";
import { stateWord } from "../model/words.js";
import { ActDialog } from "./act-dialog.js";
import { Fields } from "./fields.js";
import {
  type Edits,
  type Faults,
  type FieldName,
  FIELDS,
  judged,
  readValues,
  type Values,
  valuesOf,
} from "./request-form.js";
import { useSending } from "./sending.js";
import type { Sentence } from "./sentences.js";
import { uuid } from "./uuid.js";
import { writing } from "./writing.js";

const SHOWN: ReadonlySet<FieldName> = new Set(FIELDS.map(({ name }) => name));
const REQUIRED = FIELDS.filter(({ required }) => required).map(({ name }) => name);
const PAUSE_MS = 500;

/** What a request would lead to, as the server says of it while it is not sent yet. */
type Preview = { kind: "none" } | { kind: "fine"; callback: Callback } | { kind: "refused"; refusal: Refusal };

export function CreateDialog(props: { prefill: Prefill; onClose: () => void }): JSX.Element {
  const { onClose } = props;
  const base = useSignal(baseOf(props.prefill)).value;
  const edits = useSignal<Edits>({});
  const touched = useSignal<ReadonlySet<FieldName>>(new Set());
  const sending = useSending(SHOWN);
  // Of one dialog: a click that is repeated, or whose answer was lost, creates nothing twice.
  const requestId = useSignal(uuid());
  const values: Values = { ...base, ...edits.value };
  const preview = usePreview(values);
  const faults = merged(sending.faults.value, touchedFaults(preview, touched.value));

  const send = async (): Promise<void> => {
    const read = readValues({ ...base, ...edits.peek() }, zone);
    sending.faults.value = read.faults;
    if (Object.keys(read.faults).length > 0) return;
    await sending.send(
      async () => {
        const request = { callbackRequest: read.request, requestId: requestId.peek() };
        const { callback } = await callbacks.createCallback(request);
        onClose();
        if (callback !== undefined) go(callbackPath(callback.callbackId));
      },
      ({ reason }) => {
        // The id has been used with other values, whose answer was lost: what is created now is another callback.
        if (reason === "REQUEST_ID_REUSED") requestId.value = uuid();
      },
    );
  };

  const onEdit = (name: FieldName, value: string): void => {
    edits.value = { ...edits.peek(), [name]: value };
    touched.value = new Set(touched.peek()).add(name);
    if (sending.faults.peek()[name]) sending.faults.value = { ...sending.faults.peek(), [name]: [] };
  };
  return (
    <ActDialog
      title="Request a callback"
      rpc="CreateCallback"
      said={saidOf(preview)}
      sending={sending}
      dead={false}
      button="Create callback"
      busyWord="Creating …"
      keep="Discard"
      wide
      help={<Existing refusal={sending.refusal.value} onClose={onClose} />}
      onSend={() => void send()}
      onClose={onClose}
    >
      <Fields fields={FIELDS} base={base} edits={edits.value} faults={faults} onEdit={onEdit} />
    </ActDialog>
  );
}

/** What a request is filled with at first. */
export type Prefill = Extract<MessageInitShape<typeof CallbackRequestSchema>, { $typeName?: never }>;

function baseOf(prefill: Prefill): Values {
  const values = valuesOf(create(CallbackRequestSchema, prefill), zone, () => false);
  return { ...values, seconds_between_retries: values.seconds_between_retries || "600" };
}

/** Have the server look at the request whenever somebody pauses, without storing anything. */
function usePreview(values: Values): Preview {
  const preview = useSignal<Preview>({ kind: "none" });
  const key = JSON.stringify(values);
  useEffect(() => {
    const read = readValues(values, zone);
    const isComplete = REQUIRED.every((name) => values[name] !== "") && Object.keys(read.faults).length === 0;
    if (!isComplete || !canChange.peek()) {
      preview.value = { kind: "none" };
      return undefined;
    }
    const abort = new AbortController();
    const timer = setTimeout(() => void look(read.request, abort.signal), PAUSE_MS);
    const look = async (callbackRequest: CallbackRequest, signal: AbortSignal): Promise<void> => {
      let found: Preview;
      try {
        const { callback } = await callbacks.createCallback({ callbackRequest, validateOnly: true }, { signal });
        found = callback === undefined ? { kind: "none" } : { kind: "fine", callback };
      } catch (error) {
        found = { kind: "refused", refusal: refusalOf(error) };
      }
      if (!signal.aborted) preview.value = found;
    };
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [key]);
  return preview.value;
}

function touchedFaults(preview: Preview, touched: ReadonlySet<FieldName>): Faults {
  if (preview.kind !== "refused") return {};
  const { faults } = judged(preview.refusal.violations, SHOWN);
  return Object.fromEntries(Object.entries(faults).filter(([name]) => touched.has(name as FieldName)));
}

function merged(one: Faults, other: Faults): Faults {
  const all: Partial<Record<FieldName, string[]>> = { ...one };
  for (const [name, words] of Object.entries(other) as [FieldName, string[]][]) {
    all[name] = [...new Set([...(all[name] ?? []), ...words])];
  }
  return all;
}

function saidOf(preview: Preview): Sentence {
  const final = "It can be cancelled until the target answers.";
  const plain = { possible: true, now: "", happens: "", final, meanwhile: "" };
  if (preview.kind !== "fine") {
    return {
      ...plain,
      happens: "The promise is kept from the moment at which it is created, and its target is called.",
    };
  }
  const { callback } = preview;
  if (callback.callbackId !== "") {
    const now = `There is such a callback already. It is ${stateWord(callback.state)}.`;
    return { ...plain, now, happens: "Nothing new is created: that one is opened.", final: "" };
  }
  const next = ms(callback.nextAttemptTime);
  const service = serviceName(callback.serviceId);
  const when = next === null ? "" : ` for ${writing().clock(next)}`;
  const happens =
    callback.state === CallbackState.QUEUED
      ? `It is QUEUED at once: ${service} calls as soon as it is its turn.`
      : `It is ${stateWord(callback.state)}${when}; then ${service} calls.`;
  return { ...plain, happens };
}

/** The callback that stands in the way, if the person may see it. */
function Existing({ refusal, onClose }: { refusal: Refusal | null; onClose: () => void }): JSX.Element | null {
  const id = refusal?.metadata["callback_id"];
  if (id === undefined || id === "") return null;
  return (
    <p>
      <Link to={callbackPath(id)} onClick={onClose}>
        Open the other callback
      </Link>
    </p>
  );
}
