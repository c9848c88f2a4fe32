/** Callbacks as a page in a browser watches them. */

import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";

import {
  type CallbackEvent,
  CallbacksService,
  SnapshotMode,
} from "../../clients/typescript/src/gen/ringback/v1/callbacks_service_pb.js";

// The same request would only be refused again.
const FINAL = new Set([Code.InvalidArgument, Code.PermissionDenied, Code.Unauthenticated, Code.Unimplemented]);
const PAUSE_MS = 200;
const MAX_PAUSE_MS = 5_000;

/**
 * Calls `take` for each event, for as long as the page is open: over broken connections and restarts of the server. Each
 * new stream continues after the last response that was taken, so nothing is missed and nothing comes twice.
 */
export async function watch(transport: Transport, take: (event: CallbackEvent) => Promise<void>): Promise<never> {
  const client = createClient(CallbacksService, transport);
  let resumeToken = "";
  let pauseMs = PAUSE_MS;
  for (;;) {
    try {
      const request = { snapshotMode: SnapshotMode.WHEN_NEEDED, resumeToken };
      for await (const response of client.watchCallbacks(request)) {
        for (const event of response.events) await take(event);
        resumeToken = response.resumeToken;
        pauseMs = PAUSE_MS;
      }
    } catch (error) {
      if (FINAL.has(ConnectError.from(error).code)) throw error;
    }
    await new Promise((done) => setTimeout(done, pauseMs));
    pauseMs = Math.min(2 * pauseMs, MAX_PAUSE_MS);
  }
}
