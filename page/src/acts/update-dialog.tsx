// Change a callback: when and how urgently (reschedule), or everything that can change in its state.
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import type { Callback, CallbackRequest } from "ringback/v1/callback_pb.js";

import { callbacks } from "../api/clients.js";
import { numbersHidden } from "../app/mask.js";
import { identity } from "../app/session.js";
import { useStanding } from "../callback/standing.js";
import { serverNow, zone } from "../live/clock.js";
import { toLocal } from "../model/local-time.js";
import { ms } from "../model/times.js";
import { ActDialog } from "./act-dialog.js";
import { changesSince } from "./changes-since.js";
import { Fields } from "./fields.js";
import { useFollowed } from "./followed.js";
import { ask, confirmed, refused } from "./pending.js";
import {
  changeable,
  changedFields,
  type Edits,
  type FieldName,
  type FieldSpec,
  readValues,
  valuesOf,
} from "./request-form.js";
import { useSending } from "./sending.js";
import { goneSentence, planIsOpen, sentence } from "./sentences.js";
import { targetWords, writing } from "./writing.js";

const WHEN: readonly FieldName[] = ["due_date", "priority", "expire_time"];
const TARGETS: ReadonlySet<FieldName> = new Set(["target", "alternative_target"]);
const TOO_LATE = "Too late for this one: what is typed here is not sent.";

type UpdateAct = "reschedule" | "change";

export function UpdateDialog(props: { act: UpdateAct; opened: Callback; onClose: () => void }): JSX.Element {
  const { act, opened, onClose } = props;
  const followed = useFollowed(opened);
  // Fields do not leave while somebody types in them, although it may become too late for them.
  const fields = useSignal(fieldsOf(act, opened)).value;
  const sending = useSending(new Set(fields.map(({ name }) => name)));
  const edits = useSignal<Edits>({});
  const callback = followed.current.value;
  const standing = useStanding(callback);
  const request = callback.callbackRequest;
  const isHidden = (target: string): boolean =>
    numbersHidden.value || (identity.value?.masked === true && target.includes("*"));
  const form = request && { request, base: valuesOf(request, zone, isHidden) };
  const fixed = planIsOpen(callback.state) ? {} : tooLate(fields);
  const mask = form ? changedFields(form.base, edits.value).filter((name) => !(name in fixed)) : [];
  const said =
    followed.gone.value || form === undefined
      ? goneSentence()
      : sentence(act, callback, { position: standing?.position?.position ?? 0 }, writing());

  const send = async (): Promise<void> => {
    if (form === undefined) return;
    const read = readValues({ ...form.base, ...edits.peek() }, zone);
    const wrong = Object.fromEntries(Object.entries(read.faults).filter(([name]) => mask.includes(name as FieldName)));
    sending.faults.value = wrong;
    if (Object.keys(wrong).length > 0) return;
    const { callbackId, etag, revision } = followed.current.peek();
    ask(callbackId, act === "reschedule" ? "reschedule requested" : "change requested");
    const done = await sending.send(
      async () => {
        const key = { key: { case: "callbackId", value: callbackId } } as const;
        const update = { key, etag, callbackRequest: read.request, updateMask: { paths: mask } };
        const response = await callbacks.updateCallback(update);
        confirmed(callbackId, response.callback?.revision ?? revision, revision);
      },
      async (failed) => {
        refused(callbackId);
        if (failed.reason === "ETAG_MISMATCH") await followed.reread();
      },
    );
    if (done) onClose();
  };

  const onEdit = (name: FieldName, value: string): void => void (edits.value = { ...edits.peek(), [name]: value });
  return (
    <ActDialog
      title={`${act === "reschedule" ? "Reschedule" : "Change"} the callback to ${targetWords(callback.dialTarget)}`}
      rpc="UpdateCallback"
      said={said}
      changes={changesSince(followed)}
      sending={sending}
      dead={followed.dead.value}
      notYet={mask.length === 0 ? "Nothing is changed yet." : ""}
      button={act === "reschedule" ? "Reschedule" : "Change callback"}
      busyWord="Sending …"
      keep="Keep it as it is"
      wide={act === "change"}
      onSend={() => void send()}
      onClose={onClose}
    >
      {act === "reschedule" && said.possible && <Shortcuts onPick={(value) => onEdit("due_date", value)} />}
      {form && (
        <Fields
          fields={fields}
          base={form.base}
          edits={edits.value}
          faults={sending.faults.value}
          fixed={fixed}
          notes={notesOf(callback)}
          hidden={hiddenFields(form.request, isHidden)}
          onEdit={onEdit}
        />
      )}
    </ActDialog>
  );
}

function fieldsOf(act: UpdateAct, { state }: Callback): readonly FieldSpec[] {
  if (act === "change") return changeable(planIsOpen(state));
  const all = changeable(true);
  return WHEN.flatMap((wanted) => all.filter(({ name }) => name === wanted));
}

/** What the server has worked out where the request says nothing. */
function notesOf({ callbackRequest, nextAttemptTime, expireTime }: Callback): Partial<Record<FieldName, string>> {
  const { clock } = writing();
  const next = ms(nextAttemptTime);
  const expires = ms(expireTime);
  return {
    ...(next !== null && { due_date: `The next attempt is planned for ${clock(next)}` }),
    ...(expires !== null && !callbackRequest?.expireTime && { expire_time: `At present ${clock(expires)}` }),
  };
}

function tooLate(fields: readonly FieldSpec[]): Partial<Record<FieldName, string>> {
  return Object.fromEntries(fields.filter(({ plan }) => plan).map(({ name }) => [name, TOO_LATE]));
}

function hiddenFields(request: CallbackRequest, isHidden: (target: string) => boolean): Set<FieldName> {
  const texts = [request.target, request.alternativeTarget];
  return new Set([...TARGETS].filter((_, index) => texts[index] !== "" && isHidden(texts[index] ?? "")));
}

/** Times that are picked with one press. */
function Shortcuts({ onPick }: { onPick: (value: string) => void }): JSX.Element {
  const ahead = (minutes: number): void => onPick(toLocal(serverNow() + minutes * 60_000, zone));
  return (
    <div class="row" role="group" aria-label="Due date">
      <button type="button" onClick={() => ahead(0)}>
        Now
      </button>
      <button type="button" onClick={() => ahead(15)}>
        In 15 min
      </button>
      <button type="button" onClick={() => ahead(60)}>
        In 1 h
      </button>
      <button type="button" onClick={() => ahead(24 * 60)}>
        In 24 h
      </button>
    </div>
  );
}
