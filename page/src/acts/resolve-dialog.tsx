// A customer has rung in: end all open callbacks to that number. What will end is listed first.
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useId } from "preact/hooks";
import type { Callback } from "ringback/v1/callback_pb.js";
import { CallbackEventType } from "ringback/v1/callbacks_service_pb.js";

import { callbacks } from "../api/clients.js";
import { type Refusal, refusalOf } from "../api/errors.js";
import { CallbackMap, onChanges } from "../live/callbacks.js";
import { serviceName } from "../live/queues.js";
import { OPEN_STATES, isOpen } from "../model/states.js";
import { counted } from "../model/words.js";
import { StateChip } from "../parts/state-chip.js";
import { ActDialog } from "./act-dialog.js";
import { useDead } from "./followed.js";
import { ask, confirmed, refused } from "./pending.js";
import { asTarget } from "./request-form.js";
import { useSending } from "./sending.js";
import { resolveEffect, resolveSentence } from "./resolve-sentences.js";
import { targetWords } from "./writing.js";

const NO_FIELDS: ReadonlySet<never> = new Set();
const PAUSE_MS = 400;
/** As many as one call ends. */
const LISTED = 1000;
const SHOWN = 20;
const MAX_REASON = 512;

type Found =
  | { kind: "none" }
  | { kind: "reading" }
  | { kind: "found"; target: string; map: CallbackMap; more: boolean }
  | { kind: "refused"; refusal: Refusal };

export function ResolveDialog(props: { target: string; onClose: () => void }): JSX.Element {
  const { onClose } = props;
  const typed = useSignal(props.target);
  const reason = useSignal("");
  const sending = useSending(NO_FIELDS);
  const { dead, begin } = useDead();
  const found = useFound(typed.value, begin);
  const ids = { target: useId(), fault: useId(), reason: useId() };
  const open = found.kind === "found" ? [...found.map.values()].filter(({ state }) => isOpen(state)) : [];
  const fault = faultOf(found, sending.refusal.value);

  const send = async (): Promise<void> => {
    for (const { callbackId, state } of open) {
      if (resolveEffect(state) !== "stays") ask(callbackId, "cancel requested");
    }
    const known = new Map(open.map((callback) => [callback.callbackId, callback.revision]));
    const done = await sending.send(
      async () => {
        let more = true;
        while (more) {
          const request = { target: asTarget(typed.peek()), reason: reason.peek().trim(), includeCallbacks: true };
          const response = await callbacks.resolveCallbacks(request);
          for (const { callback } of response.results) {
            if (!callback) continue;
            confirmed(callback.callbackId, callback.revision, known.get(callback.callbackId) ?? 0n);
            known.delete(callback.callbackId);
          }
          more = response.more && response.results.length > 0;
        }
      },
      () => undefined,
    );
    // What the server has left alone is not pending any more.
    for (const id of known.keys()) refused(id);
    if (done) onClose();
  };

  return (
    <ActDialog
      title="A customer has rung in"
      rpc="ResolveCallbacks"
      said={resolveSentence(
        open.map(({ state }) => state),
        found.kind === "found" && found.more,
      )}
      sending={sending}
      dead={dead.value}
      notYet={notYet(found, open)}
      button={`End ${counted(open.filter(({ state }) => resolveEffect(state) !== "stays").length, "callback")}`}
      busyWord="Ending …"
      keep="Keep them"
      danger
      onSend={() => void send()}
      onClose={onClose}
    >
      <div class={`field${fault === "" ? "" : " faulty"}`}>
        <label for={ids.target}>Number that rang in</label>
        <input
          id={ids.target}
          data-first
          dir="auto"
          inputMode="tel"
          autocomplete="off"
          spellcheck={false}
          maxLength={255}
          placeholder="for example +41 78 555 66 77"
          aria-invalid={fault !== ""}
          aria-describedby={ids.fault}
          value={typed.value}
          onInput={(event) => (typed.value = event.currentTarget.value)}
        />
        <p class="fault" id={ids.fault}>
          {fault}
        </p>
      </div>
      <List found={found} open={open} />
      <div class="field">
        <label for={ids.reason}>Reason, kept with each callback</label>
        <input
          id={ids.reason}
          dir="auto"
          autocomplete="off"
          maxLength={MAX_REASON}
          value={reason.value}
          onInput={(event) => (reason.value = event.currentTarget.value)}
        />
      </div>
    </ActDialog>
  );
}

/** What is open to the number that is typed, and what becomes of it while the dialog is open. */
function useFound(typed: string, onChange: () => void): Found {
  const found = useSignal<Found>({ kind: "none" });
  useEffect(() => {
    const target = asTarget(typed);
    if (target === "") {
      found.value = { kind: "none" };
      return undefined;
    }
    found.value = { kind: "reading" };
    const abort = new AbortController();
    const timer = setTimeout(() => void read(), PAUSE_MS);
    const read = async (): Promise<void> => {
      let answer: Found;
      try {
        const filter = { dialTarget: target, states: [...OPEN_STATES] };
        const page = await callbacks.listCallbacks({ filter, pageSize: LISTED }, { signal: abort.signal });
        const map = new CallbackMap();
        map.apply(page.callbacks);
        const dialled = page.callbacks[0]?.dialTarget ?? "";
        answer = { kind: "found", target: dialled, map, more: page.nextPageToken !== "" };
      } catch (error) {
        answer = { kind: "refused", refusal: refusalOf(error) };
      }
      if (!abort.signal.aborted) found.value = answer;
    };
    const stop = onChanges(({ events }) => {
      const current = found.peek();
      if (current.kind !== "found") return;
      const mine = events.filter(({ callback }) => callback && isOf(current, callback));
      if (mine.length === 0) return;
      for (const { type, callback } of mine) {
        if (callback === undefined) continue;
        if (type === CallbackEventType.REMOVED) current.map.remove(callback.callbackId);
        else current.map.apply([callback]);
      }
      found.value = { ...current };
      onChange();
    });
    return () => {
      clearTimeout(timer);
      abort.abort();
      stop();
    };
  }, [typed]);
  return found.value;
}

/** Two numbers may be masked alike: of a masked one, only what was listed is known to be of it. */
function isOf({ target, map }: Extract<Found, { kind: "found" }>, { callbackId, dialTarget }: Callback): boolean {
  return map.get(callbackId) !== undefined || (target !== "" && !target.includes("*") && dialTarget === target);
}

function faultOf(found: Found, refusal: Refusal | null): string {
  const failed = found.kind === "refused" ? found.refusal : refusal;
  if (failed === null) return "";
  const words = failed.violations
    .filter(({ field }) => /(^|\.)(dial_target|target)$/.test(field))
    .map(({ description }) => description);
  return words.join("; ") || (found.kind === "refused" ? failed.message : "");
}

function notYet(found: Found, open: readonly Callback[]): string {
  if (found.kind === "none") return "Type the number first.";
  if (found.kind !== "found") return found.kind === "reading" ? "Looking for callbacks to it." : "";
  return open.some(({ state }) => resolveEffect(state) !== "stays") ? "" : "There is nothing to end.";
}

function List({ found, open }: { found: Found; open: readonly Callback[] }): JSX.Element | null {
  if (found.kind !== "found" || open.length === 0) return null;
  return (
    <ul class="ends" aria-label="Open callbacks to this number">
      {open.slice(0, SHOWN).map((callback) => (
        <li key={callback.callbackId}>
          <StateChip state={callback.state} /> {targetWords(callback.dialTarget)}, {serviceName(callback.serviceId)}
          {callback.callbackRequest?.externalTaskId && `, ${callback.callbackRequest.externalTaskId}`}
          <span class="sub"> {EFFECT_WORDS[resolveEffect(callback.state)]}</span>
        </li>
      ))}
      {open.length > SHOWN && <li class="sub">and {counted(open.length - SHOWN, "other")}</li>}
    </ul>
  );
}

const EFFECT_WORDS = {
  ends: "ends at once",
  hangsUp: "the dialer hangs up",
  stays: "is left alone",
} as const;
