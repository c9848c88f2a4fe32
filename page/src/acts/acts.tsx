import { type ReadonlySignal, signal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import type { Callback, CallbackRequest } from "ringback/v1/callback_pb.js";

import type { QueuePicture } from "../live/queues.js";

export function openCreate(_prefill?: Partial<CallbackRequest>): void {}
export function openCancel(_callback: Callback): void {}
export function openReschedule(_callback: Callback): void {}
export function openChange(_callback: Callback): void {}
export function openResolve(_target?: string): void {}
export function openPause(_picture: QueuePicture): void {}
export function openResume(_picture: QueuePicture): void {}

export function ActButton(props: {
  rpc: string;
  key?: string;
  danger?: boolean;
  primary?: boolean;
  disabledBecause?: string;
  onAct: () => void;
  children?: ComponentChildren;
}): JSX.Element {
  return (
    <button type="button" onClick={props.onAct}>
      {props.children}
    </button>
  );
}

export function Dialogs(): JSX.Element {
  return <></>;
}

export const pending: ReadonlySignal<ReadonlyMap<string, string>> = signal(new Map());
