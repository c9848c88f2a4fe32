/** The page of the test: it tells the server that it comes from what it sees. */

import { ConnectError, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";

import { CallbackEventType } from "../../clients/typescript/src/gen/ringback/v1/callbacks_service_pb.js";
import { watch } from "./watch.js";

const parameters = new URLSearchParams(location.search);
const baseUrl = parameters.get("server") ?? "";
const transports: Record<string, () => Transport> = {
  "connect-json": () => createConnectTransport({ baseUrl, useBinaryFormat: false }),
  "connect-binary": () => createConnectTransport({ baseUrl, useBinaryFormat: true }),
  "grpc-web": () => createGrpcWebTransport({ baseUrl }),
};

async function tell(what: object): Promise<void> {
  await fetch("/seen", { method: "POST", body: JSON.stringify(what) });
}

const transport = transports[parameters.get("protocol") ?? ""];
if (transport === undefined) throw new Error("no such protocol");
const seeing = watch(transport(), async ({ type, callback }) => {
  await tell({
    type: CallbackEventType[type],
    callbackId: callback?.callbackId,
    revision: Number(callback?.revision),
    state: callback?.state,
  });
});
seeing.catch((error: unknown) => tell({ refused: ConnectError.from(error).message }));
// What the browser itself refuses, the page is told only as a failure.
if (parameters.has("once")) {
  fetch(`${baseUrl}/ringback.v1.DirectoryService/ListServices`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: "{}",
  }).then(
    (response) => tell({ once: response.status }),
    () => tell({ once: "refused by the browser" }),
  );
}
