// Cancel one callback.
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useId } from "preact/hooks";
import type { Callback } from "ringback/v1/callback_pb.js";

import { callbacks } from "../api/clients.js";
import { useStanding } from "../callback/standing.js";
import { ActDialog } from "./act-dialog.js";
import { changesSince } from "./changes-since.js";
import { useFollowed } from "./followed.js";
import { ask, confirmed, refused } from "./pending.js";
import { useSending } from "./sending.js";
import { goneSentence, sentence } from "./sentences.js";
import { targetWords, writing } from "./writing.js";

const MAX_REASON = 512;
const NO_FIELDS: ReadonlySet<never> = new Set();

export function CancelDialog({ opened, onClose }: { opened: Callback; onClose: () => void }): JSX.Element {
  const followed = useFollowed(opened);
  const sending = useSending(NO_FIELDS);
  const reason = useSignal("");
  const reasonId = useId();
  const callback = followed.current.value;
  const standing = useStanding(callback);
  const said = followed.gone.value
    ? goneSentence()
    : sentence("cancel", callback, { position: standing?.position?.position ?? 0 }, writing());
  const send = async (): Promise<void> => {
    const { callbackId, etag, revision } = followed.current.peek();
    ask(callbackId, "cancel requested");
    const done = await sending.send(
      async () => {
        const key = { key: { case: "callbackId", value: callbackId } } as const;
        const response = await callbacks.cancelCallback({ key, etag, reason: reason.peek().trim() });
        confirmed(callbackId, response.callback?.revision ?? revision, revision);
      },
      async (failed) => {
        refused(callbackId);
        if (failed.reason === "ETAG_MISMATCH") await followed.reread();
      },
    );
    if (done) onClose();
  };
  return (
    <ActDialog
      title={`Cancel the callback to ${targetWords(callback.dialTarget)}?`}
      rpc="CancelCallback"
      said={said}
      changes={changesSince(followed)}
      sending={sending}
      dead={followed.dead.value}
      button="Cancel callback"
      busyWord="Cancelling …"
      keep="Keep it"
      danger
      onSend={() => void send()}
      onClose={onClose}
    >
      <div class="field">
        <label for={reasonId}>Reason, kept with the callback</label>
        <input
          id={reasonId}
          data-first
          dir="auto"
          maxLength={MAX_REASON}
          autocomplete="off"
          placeholder="for example: customer wrote an e-mail"
          value={reason.value}
          onInput={(event) => (reason.value = event.currentTarget.value)}
        />
      </div>
    </ActDialog>
  );
}
