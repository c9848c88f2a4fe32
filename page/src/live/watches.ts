// The streams over HTTP.
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { CallbacksService, SnapshotMode } from "ringback/v1/callbacks_service_pb.js";
import { DirectoryService } from "ringback/v1/directory_service_pb.js";

import { HEARTBEAT_MS } from "./protocol.js";
import type { Transport, World } from "./streams.js";

function watches(): Transport {
  const transport = createConnectTransport({ baseUrl: globalThis.location.origin, useBinaryFormat: true });
  const callbacks = createClient(CallbacksService, transport);
  const directory = createClient(DirectoryService, transport);
  const heartbeatInterval = durationFromMs(HEARTBEAT_MS);
  return {
    watchCallbacks: (resumeToken, signal) =>
      callbacks.watchCallbacks({ resumeToken, heartbeatInterval, snapshotMode: SnapshotMode.NEVER }, { signal }),
    watchQueues: (signal) => directory.watchQueues({ heartbeatInterval }, { signal }),
  };
}

/** The world of a worker or a page. */
export function realWorld(): World {
  return {
    transport: watches(),
    now: () => Date.now(),
    after: (delayMs, run) => {
      const timer = setTimeout(run, delayMs);
      return () => clearTimeout(timer);
    },
    random: () => Math.random(),
  };
}
