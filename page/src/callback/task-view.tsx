// The callback of a caller's own task: found by its id there, and shown at its own address.
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";

import { callbacks } from "../api/clients.js";
import { type Refusal, refusalOf } from "../api/errors.js";
import { useKeys } from "../app/keys.js";
import { address, go } from "../app/router.js";
import { callbackPath } from "../model/address.js";
import { Loading, Refused } from "../parts/messages.js";
import { NotFound } from "./not-found.js";

export function TaskView(): JSX.Element {
  const { id: callerId, rest } = address.value;
  // A task id may have slashes in it.
  const externalTaskId = rest.join("/");
  const refusal = useSignal<Refusal | null>(null);
  useKeys([{ keys: "Escape", does: "back", run: () => go("/ui/callbacks") }]);
  useEffect(() => {
    const abort = new AbortController();
    const key = { key: { case: "externalTask", value: { callerId, externalTaskId } } } as const;
    const find = async (): Promise<void> => {
      try {
        const { callback } = await callbacks.getCallback({ key }, { signal: abort.signal });
        if (callback !== undefined && !abort.signal.aborted) go(callbackPath(callback.callbackId), "replace");
      } catch (error) {
        if (!abort.signal.aborted) refusal.value = refusalOf(error);
      }
    };
    void find();
    return () => abort.abort();
  }, [callerId, externalTaskId]);
  if (refusal.value === null) return <Loading text="Looking for the task." />;
  if (refusal.value.code !== "NOT_FOUND") return <Refused refusal={refusal.value} />;
  return <NotFound what={callerId === "" ? externalTaskId : `${externalTaskId} of ${callerId}`} />;
}
