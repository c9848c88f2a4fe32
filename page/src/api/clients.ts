// The clients of the contract, for calls. Streams are held by the hub alone (live/).
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { CallbacksService } from "ringback/v1/callbacks_service_pb.js";
import { DirectoryService } from "ringback/v1/directory_service_pb.js";

// As the contract's service config says for most calls: after it, no answer is of use to a person who waits.
const PATIENCE_MS = 10_000;

const transport = createConnectTransport({
  baseUrl: globalThis.location.origin,
  useBinaryFormat: true,
  defaultTimeoutMs: PATIENCE_MS,
});

export const callbacks = createClient(CallbacksService, transport);
export const directory = createClient(DirectoryService, transport);
