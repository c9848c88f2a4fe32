// The queues of all services that the identity may read, by WatchQueues.
import { batch, computed, type ReadonlySignal, signal } from "@preact/signals";
import type { Service } from "ringback/v1/directory_service_pb.js";

import { nameOf, type Picture } from "../model/queue.js";
import type { QueueChanges } from "./protocol.js";

const pictures = signal<ReadonlyMap<string, Picture>>(new Map());
const complete = signal(false);

/** By service id, ordered by name. */
export const queues: ReadonlySignal<ReadonlyMap<string, Picture>> = computed(() => pictures.value);
export const queuesComplete: ReadonlySignal<boolean> = computed(() => complete.value);

/** What people call a service, or its id where it is not known. */
export function serviceName(serviceId: string): string {
  const service = pictures.value.get(serviceId)?.service;
  return service ? nameOf(service) : serviceId;
}

export function receiveQueues(changes: QueueChanges): void {
  batch(() => {
    pictures.value = foldQueues(pictures.peek(), changes);
    complete.value = changes.complete;
  });
}

/** Pure: the pictures after some changes, in order. A service without its queue is not shown yet. */
export function foldQueues(
  before: ReadonlyMap<string, Picture>,
  { whole, queues: changed, services, removed }: QueueChanges,
): ReadonlyMap<string, Picture> {
  const serviceById = new Map(whole ? [] : [...before].map(([id, { service }]) => [id, service]));
  const queueById = new Map(whole ? [] : [...before].map(([id, { queue }]) => [id, queue]));
  for (const service of services) serviceById.set(service.serviceId, service);
  for (const queue of changed) queueById.set(queue.serviceId, queue);
  for (const id of removed) serviceById.delete(id);
  const folded = [...serviceById.values()].flatMap((service) => {
    const queue = queueById.get(service.serviceId);
    return queue ? [{ service, queue }] : [];
  });
  folded.sort((one, other) => byName(one.service, other.service));
  return new Map(folded.map((picture) => [picture.service.serviceId, picture]));
}

const NAMES = new Intl.Collator("en", { numeric: true });

function byName(one: Service, other: Service): number {
  return NAMES.compare(nameOf(one), nameOf(other)) || (one.serviceId < other.serviceId ? -1 : 1);
}
