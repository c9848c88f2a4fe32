// Sending an act: once at a time, and what the server has against it, at the fields.
import { type Signal, useSignal } from "@preact/signals";

import { type Refusal, refusalOf } from "../api/errors.js";
import { type FieldName, type Faults, judged } from "./request-form.js";

export interface Sending {
  busy: Signal<boolean>;
  refusal: Signal<Refusal | null>;
  faults: Signal<Faults>;
  /** Violations that belong to no field of the form. */
  others: Signal<readonly string[]>;
  /** Send; `onRefused` is called with what the server has refused. Return whether it was done. */
  send: (call: () => Promise<void>, onRefused?: (refusal: Refusal) => Promise<void> | void) => Promise<boolean>;
}

export function useSending(shown: ReadonlySet<FieldName>): Sending {
  const busy = useSignal(false);
  const refusal = useSignal<Refusal | null>(null);
  const faults = useSignal<Faults>({});
  const others = useSignal<readonly string[]>([]);
  const send: Sending["send"] = async (call, onRefused) => {
    if (busy.peek()) return false;
    busy.value = true;
    refusal.value = null;
    faults.value = {};
    others.value = [];
    try {
      await call();
      return true;
    } catch (error) {
      const failed = refusalOf(error);
      const sorted = judged(failed.violations, shown);
      faults.value = sorted.faults;
      others.value = sorted.others;
      refusal.value = failed;
      await settled(onRefused?.(failed));
      return false;
    } finally {
      busy.value = false;
    }
  };
  return { busy, refusal, faults, others, send };
}

/** What is read after a refusal may fail as well. The refusal says what there is to say; the next one reads again. */
async function settled(reading: Promise<void> | void): Promise<void> {
  await Promise.resolve(reading).catch(() => undefined);
}
