// Callbacks and their events, as a server would send them, with times in seconds after the creation.
import assert from "node:assert/strict";

import { create, type Message, type MessageInitShape } from "@bufbuild/protobuf";
import type { GenMessage } from "@bufbuild/protobuf/codegenv2";
import { timestampFromMs, type Timestamp } from "@bufbuild/protobuf/wkt";
import {
  AttemptSchema,
  type Callback,
  CallbackRequestSchema,
  CallbackSchema,
  CallbackState,
  type CallOutcome,
  Priority,
} from "ringback/v1/callback_pb.js";
import { type CallbackEvent, CallbackEventSchema, CallbackEventType } from "ringback/v1/callbacks_service_pb.js";

import type { Telling } from "../../src/model/entries.js";

type InitOf<Schema extends GenMessage<Message>> = Extract<MessageInitShape<Schema>, { $typeName?: never }>;
export type RequestInit = InitOf<typeof CallbackRequestSchema>;
export type AttemptInit = InitOf<typeof AttemptSchema>;
export type CallbackInit = Omit<InitOf<typeof CallbackSchema>, "callbackRequest"> & { callbackRequest?: RequestInit };

export const START = Date.UTC(2026, 10, 30, 12, 0, 0);

export function after(seconds: number): Timestamp {
  return timestampFromMs(START + seconds * 1000);
}

export function telling(seconds: number): Telling {
  return {
    now: START + seconds * 1000,
    service: "Sales",
    clock: (at) => new Date(at).toISOString().slice(11, 19),
    target: (target) => target,
  };
}

export function attempt(
  number: number,
  begin: number,
  end: number | null,
  outcome: CallOutcome,
  more: AttemptInit = {},
): AttemptInit {
  return {
    number,
    dialerId: "sip-1",
    offerTime: after(begin - 3),
    startTime: after(begin),
    ...(end === null ? {} : { endTime: after(end) }),
    outcome,
    ...more,
  };
}

export function callback(more: CallbackInit = {}): Callback {
  return create(CallbackSchema, {
    callbackId: "019a7847-5d38-7c3a-9d55-2f6b8e40a1d7",
    dialTarget: "tel:+12025550172",
    serviceId: "11111111-1111-4111-8111-111111111111",
    state: CallbackState.SCHEDULED,
    createTime: after(0),
    updateTime: after(0),
    nextAttemptTime: after(300),
    expireTime: after(36_000),
    revision: 1n,
    ...more,
    callbackRequest: {
      target: "tel:+12025550172",
      maxRetries: 3,
      secondsBetweenRetries: 600,
      priority: Priority.HIGH,
      dueDate: after(300),
      callerId: "crm",
      ...more.callbackRequest,
    },
  });
}

/** Return the events of versions that follow each other, each changed at the time of its `updateTime`. */
export function eventsOf(
  versions: readonly Callback[],
  identities: Readonly<Record<number, string>> = {},
): CallbackEvent[] {
  return versions.map((version, index) =>
    create(CallbackEventSchema, {
      type: index === 0 ? CallbackEventType.CREATED : CallbackEventType.UPDATED,
      callback: version,
      previousState: versions[index - 1]?.state ?? CallbackState.UNSPECIFIED,
      ...(version.updateTime === undefined ? {} : { eventTime: version.updateTime }),
      identity: identities[index] ?? "",
    }),
  );
}

/** Return a value that an enum of this page does not have: one of a newer server. */
export function newer<Enum extends number>(_names: Readonly<Record<string, Enum | string>>, value: number): Enum {
  return value as Enum;
}

/** Return the last of some versions. */
export function newest(versions: readonly Callback[]): Callback {
  const last = versions.at(-1);
  assert.ok(last);
  return last;
}

/** Return versions that follow each other: each has what the one before it has, and the changes. */
export function versionsOf(first: CallbackInit, ...changes: (CallbackInit & { at: number })[]): Callback[] {
  const versions = [callback(first)];
  let all = first;
  for (const [index, { at, ...change }] of changes.entries()) {
    all = { ...all, ...change, callbackRequest: { ...all.callbackRequest, ...change.callbackRequest } };
    versions.push(callback({ ...all, updateTime: after(at), revision: BigInt(index + 2) }));
  }
  return versions;
}
