// What was asked for and is not confirmed by the stream yet: shown at once, and taken back when the server refuses.
import { computed, effect, type ReadonlySignal, signal } from "@preact/signals";
import type { Service } from "ringback/v1/directory_service_pb.js";

import { onAnew, onChanges } from "../live/callbacks.js";
import { queues } from "../live/queues.js";
import { ms } from "../model/times.js";

interface Asked {
  words: string;
  /** Of a callback, once the server has answered: the revision that the stream is to bring. */
  revision?: bigint;
  /** Of a service: when it was changed. */
  updated?: number;
}

const asked = signal<ReadonlyMap<string, Asked>>(new Map());
/** The newest revision that the stream has brought of what is asked for. */
const brought = new Map<string, bigint>();

/** Callback id or service id to what was asked for, such as "cancel requested". */
export const pending: ReadonlySignal<ReadonlyMap<string, string>> = computed(
  () => new Map([...asked.value].map(([id, { words }]) => [id, words])),
);

/** Say that something is asked for. Not twice for one id: the last one is shown. */
export function ask(id: string, words: string): void {
  brought.delete(id);
  set(id, { words });
}

/** The server has refused, or is not known to have done it. */
export function refused(id: string): void {
  const rest = new Map(asked.peek());
  rest.delete(id);
  brought.delete(id);
  asked.value = rest;
}

/** The server has done it. `known`: the revision that is shown already. */
export function confirmed(id: string, revision: bigint, known: bigint): void {
  const entry = asked.peek().get(id);
  if (entry === undefined) return;
  const seen = brought.get(id) ?? known;
  if (seen >= revision || known >= revision) refused(id);
  else set(id, { ...entry, revision });
}

/** The server has changed a service. */
export function serviceConfirmed(service: Service): void {
  const entry = asked.peek().get(service.serviceId);
  if (entry !== undefined) set(service.serviceId, { ...entry, updated: ms(service.updateTime) ?? 0 });
}

function set(id: string, entry: Asked): void {
  asked.value = new Map(asked.peek()).set(id, entry);
}

onChanges(({ events }) => {
  if (asked.peek().size === 0) return;
  for (const { callback } of events) {
    if (callback === undefined) continue;
    const entry = asked.peek().get(callback.callbackId);
    if (entry === undefined) continue;
    brought.set(callback.callbackId, callback.revision);
    if (entry.revision !== undefined && callback.revision >= entry.revision) refused(callback.callbackId);
  }
});

// Pictures are read again, and have it.
onAnew(() => {
  asked.value = new Map();
  brought.clear();
});

effect(() => {
  for (const [id, { updated }] of asked.value) {
    if (updated === undefined) continue;
    const service = queues.value.get(id)?.service;
    if (service === undefined || (ms(service.updateTime) ?? 0) >= updated) refused(id);
  }
});
