// All acts: functions that open their dialog, from wherever they are offered.
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import type { Callback } from "ringback/v1/callback_pb.js";

import type { Picture } from "../model/queue.js";
import { CancelDialog } from "./cancel-dialog.js";
import { CreateDialog, type Prefill } from "./create-dialog.js";
import { PauseDialog } from "./pause-dialog.js";
import { ResolveDialog } from "./resolve-dialog.js";
import { type Act, sentence } from "./sentences.js";
import { UpdateDialog } from "./update-dialog.js";
import { writing } from "./writing.js";

export { ActButton, whyOff } from "./act-button.js";
export { pending } from "./pending.js";

type Opened =
  | { act: "create"; prefill: Prefill }
  | { act: Act; callback: Callback }
  | { act: "resolve"; target: string }
  | { act: "pause" | "resume"; picture: Picture };

/** Return why an act is not possible in the state of a callback; "" where it is. Read it where it is rendered. */
export function whyNotNow(act: Act, callback: Callback): string {
  const said = sentence(act, callback, { position: 0 }, writing());
  return said.possible ? "" : said.now;
}

const opened = signal<Opened | null>(null);

export function openCreate(prefill: Prefill = {}): void {
  opened.value = { act: "create", prefill };
}

export function openCancel(callback: Callback): void {
  opened.value = { act: "cancel", callback };
}

export function openReschedule(callback: Callback): void {
  opened.value = { act: "reschedule", callback };
}

export function openChange(callback: Callback): void {
  opened.value = { act: "change", callback };
}

export function openResolve(target = ""): void {
  opened.value = { act: "resolve", target };
}

export function openPause(picture: Picture): void {
  opened.value = { act: "pause", picture };
}

export function openResume(picture: Picture): void {
  opened.value = { act: "resume", picture };
}

/** The dialog that is open. Mounted once. */
export function Dialogs(): JSX.Element | null {
  const now = opened.value;
  if (now === null) return null;
  const onClose = (): void => {
    if (opened.peek() === now) opened.value = null;
  };
  switch (now.act) {
    case "create":
      return <CreateDialog prefill={now.prefill} onClose={onClose} />;
    case "cancel":
      return <CancelDialog opened={now.callback} onClose={onClose} />;
    case "reschedule":
    case "change":
      return <UpdateDialog act={now.act} opened={now.callback} onClose={onClose} />;
    case "resolve":
      return <ResolveDialog target={now.target} onClose={onClose} />;
    default:
      return <PauseDialog pause={now.act === "pause"} opened={now.picture} onClose={onClose} />;
  }
}
