// The queues as the hub keeps them, for tabs that come later.
import type { GetQueueResponse, Service, WatchQueuesResponse } from "ringback/v1/directory_service_pb.js";

import type { QueueChanges } from "./protocol.js";
import type { Tab } from "./tab.js";

interface Picture {
  queues: Map<string, GetQueueResponse>;
  services: Map<string, Service>;
}

export class QueueStore {
  #shown: Picture | null = null;
  /** What a new stream has said so far: it takes the place of the old picture when it is whole. */
  #coming: Picture | null = null;

  /** Take a response. Returns what tabs are to be told, null while there is nothing. */
  take(response: WatchQueuesResponse, fresh: boolean): QueueChanges | null {
    if (fresh) this.#coming = { queues: new Map(), services: new Map() };
    const picture = this.#coming ?? this.#shown;
    if (!picture) return null;
    put(picture, response);
    if (this.#coming) {
      if (!response.complete) return null;
      this.#shown = this.#coming;
      this.#coming = null;
      return wholeOf(this.#shown);
    }
    const { queues, services, removedServiceIds: removed } = response;
    if (!queues.length && !services.length && !removed.length) return null;
    return { whole: false, queues, services, removed, complete: true };
  }

  clear(): void {
    this.#shown = this.#coming = null;
  }

  tellWhole(tab: Tab): void {
    if (this.#shown) tab.send({ type: "queues", queues: wholeOf(this.#shown) });
  }
}

function put({ queues, services }: Picture, response: WatchQueuesResponse): void {
  for (const service of response.services) services.set(service.serviceId, service);
  for (const queue of response.queues) queues.set(queue.serviceId, queue);
  for (const id of response.removedServiceIds) {
    services.delete(id);
    queues.delete(id);
  }
}

function wholeOf({ queues, services }: Picture): QueueChanges {
  return { whole: true, queues: [...queues.values()], services: [...services.values()], removed: [], complete: true };
}
