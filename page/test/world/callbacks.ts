// Callbacks for tests of the list: made of few values, so that filters meet them often.
import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { type Callback, CallbackSchema, CallbackState, Priority } from "ringback/v1/callback_pb.js";
import { type CallbackEvent, CallbackEventSchema, CallbackEventType } from "ringback/v1/callbacks_service_pb.js";

import { timestampOf } from "../../src/model/moments.js";

/** Thursday, 4 March 2027, 13:06:22 UTC, in microseconds. */
export const NOW_US = 1_804_165_582_000_000;
export const NOW = NOW_US / 1000;

export interface Sketch {
  number?: number;
  state?: CallbackState;
  priority?: Priority;
  service?: string;
  caller?: string;
  supervisor?: string;
  task?: string;
  labels?: Record<string, string>;
  target?: string;
  dueUs?: number;
  endUs?: number | null;
  revision?: number;
}

export function idOf(number: number): string {
  return `01990000-0000-7000-8000-${String(number).padStart(12, "0")}`;
}

export function callbackOf(sketch: Sketch = {}): Callback {
  const { number = 1, state = CallbackState.QUEUED, dueUs = NOW_US, endUs = null } = sketch;
  const due = timestampOf(dueUs);
  return create(CallbackSchema, {
    callbackId: idOf(number),
    state,
    serviceId: sketch.service ?? SERVICES[0],
    dialTarget: sketch.target ?? "tel:+12025550172",
    revision: BigInt(sketch.revision ?? 1),
    dueTime: due,
    nextAttemptTime: due,
    createTime: timestampOf(NOW_US - 3600e6 + number),
    ...(endUs !== null && { endTime: timestampOf(endUs) }),
    callbackRequest: {
      priority: sketch.priority ?? Priority.NORMAL,
      callerId: sketch.caller ?? "crm",
      supervisor: sketch.supervisor ?? "",
      externalTaskId: sketch.task ?? "",
      labels: sketch.labels ?? {},
    },
  });
}

export const SERVICES = ["11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"] as const;
const S = CallbackState;
const ENDED: ReadonlySet<CallbackState> = new Set([S.COMPLETED, S.FAILED, S.CANCELLED, S.EXPIRED]);

export const sketches: fc.Arbitrary<Sketch> = fc
  .record({
    number: fc.integer({ min: 1, max: 12 }),
    state: fc.constantFrom(S.SCHEDULED, S.QUEUED, S.OFFERED, S.DIALING, S.CONNECTED, S.CANCELLING, ...ENDED),
    priority: fc.constantFrom(
      Priority.STRICT_PRIORITY,
      Priority.HIGH,
      Priority.NORMAL,
      Priority.LOW,
      Priority.NOTHING_ELSE,
    ),
    service: fc.constantFrom(...SERVICES),
    caller: fc.constantFrom("", "crm", "ivr"),
    supervisor: fc.constantFrom("", "lead-1", "lead, 2"),
    task: fc.constantFrom("", "CRM-1", "CRM-2"),
    labels: fc.dictionary(fc.constantFrom("campaign", "a=b"), fc.constantFrom("autumn", ""), { maxKeys: 2 }),
    target: fc.constantFrom("tel:+12025550172", "tel:+447700900118", "sip:guest@example.com", ""),
    dueUs: fc.constantFrom(NOW_US - 1, NOW_US, NOW_US + 1, NOW_US + 3600e6),
    endUs: fc.constantFrom(NOW_US - 900e6, NOW_US - 900e6 - 1, NOW_US - 1),
  })
  .map(({ endUs, ...sketch }) => ({ ...sketch, endUs: ENDED.has(sketch.state) ? endUs : null }));

export function eventOf(callback: Callback, type = CallbackEventType.UPDATED): CallbackEvent {
  return create(CallbackEventSchema, { type, callback, previousState: CallbackState.UNSPECIFIED });
}
