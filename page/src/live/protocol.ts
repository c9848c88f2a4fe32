// What the tabs and the hub say to each other. Messages of protobuf are plain objects, and are sent as they are.
import type { CallbackEvent } from "ringback/v1/callbacks_service_pb.js";
import type { GetQueueResponse, Service } from "ringback/v1/directory_service_pb.js";

import type { Refusal } from "../api/errors.js";

/** From a tab. */
export type ToHub =
  /** `token`: up to where the tab has followed, "" for one that has no picture yet. `who`: whose picture it is. */
  | { type: "hello"; token: string; seen: boolean; who: string }
  | { type: "seen"; seen: boolean }
  /** Every 10 s while seen: who does not say it is gone. */
  | { type: "ping" }
  /** Try now: the network is back, or a person says so. */
  | { type: "retry" }
  /** There are other credentials, of the same identity or of another one. */
  | { type: "session"; who: string }
  | { type: "bye" };

/** To a tab. */
export type FromHub =
  /** `token`: where the streams are. From there on follows a tab whose first picture is still to come. */
  | { type: "link"; link: HubLink; token: string }
  /** The server's clock, and this machine's at the same moment. */
  | { type: "clock"; serverTime: number; at: number }
  /** In order. `count`: how many changes these are the newest of. `token`: the tab has followed up to there. */
  | { type: "changes"; events: CallbackEvent[]; count: number; token: string; at: number }
  /** What was between is gone: first pictures are to be read again. */
  | { type: "anew"; token: string }
  | { type: "queues"; queues: QueueChanges }
  | { type: "pong" }
  /** The hub takes the tab for gone: say hello again. */
  | { type: "who" };

export type HubLink =
  /** `since`: what is shown is as of then, by the server's clock. `wasLost`: that is worth a word. */
  | { kind: "connecting"; since: number | null; wasLost: boolean }
  | { kind: "live"; caughtUp: { changes: number; at: number; since: number } | null; anew: boolean }
  /** `since` by the server's clock, `retryAt` by this machine's. `tries`: how many have failed. */
  | { kind: "lost"; since: number; retryAt: number; why: string; tries: number }
  | { kind: "refused"; refusal: Refusal };

export interface QueueChanges {
  /** Everything is in it: what is not there is gone. */
  whole: boolean;
  queues: GetQueueResponse[];
  services: Service[];
  removed: string[];
  complete: boolean;
}

/** How long a silence the server may keep. Twice that, and the connection counts as lost. */
export const HEARTBEAT_MS = 5_000;
export const PING_MS = 10_000;
