import * as ringback from "@ringback/client";
import { CallbacksService, CallbackState, ErrorReason, Priority, SnapshotMode } from "@ringback/client/v1";

const transport = ringback.ringbackTransport({ address: "localhost:50051", plaintext: true });
const client = ringback.createClient(CallbacksService, transport);

try {
  const { callback } = await ringback.createCallback(client, {
    callbackRequest: {
      target: "tel:+41785556677",
      service: { case: "serviceSip", value: "sip:support@cc.example" },
      priority: Priority.HIGH,
      secondsBetweenRetries: 60,
      callerId: "crm",
      externalTaskId: "4714", // sending this twice makes one callback
    },
  });

  // Reconnects and resumes by itself; nothing is missed, whatever happens to the connection or the server.
  const key = { key: { case: "callbackId", value: callback?.callbackId ?? "" } } as const;
  const request = { filter: { keys: [key] }, snapshotMode: SnapshotMode.WHEN_NEEDED };
  for await (const { events } of ringback.watchCallbacks(client, request)) {
    for (const { callback } of events) console.log(CallbackState[callback?.state ?? 0]);
    if (events.some(({ callback }) => callback?.endTime)) break;
  }
} catch (error) {
  const reason = ringback.reasonOf(error);
  if (reason === ErrorReason.INVALID_FIELD) console.error("refused:", ringback.violationsOf(error));
  else if (reason === ErrorReason.SERVICE_NOT_FOUND) console.error("no such service");
  else throw error;
}
