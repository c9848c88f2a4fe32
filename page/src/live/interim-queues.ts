// Until the server has WatchQueues: the same by ListServices and GetQueue.
import { create } from "@bufbuild/protobuf";
import { type Client } from "@connectrpc/connect";
import { timestampNow } from "@bufbuild/protobuf/wkt";
import {
  type DirectoryService,
  type WatchQueuesResponse,
  WatchQueuesResponseSchema,
} from "ringback/v1/directory_service_pb.js";

export async function* interimQueues(
  directory: Client<typeof DirectoryService>,
  signal: AbortSignal,
): AsyncGenerator<WatchQueuesResponse> {
  for (;;) {
    const { services } = await directory.listServices({ pageSize: 1000 }, { signal });
    const queues = await Promise.all(
      services.map(({ serviceId }) =>
        directory.getQueue({ service: { case: "serviceId", value: serviceId } }, { signal }),
      ),
    );
    yield create(WatchQueuesResponseSchema, { services, queues, complete: true, serverTime: timestampNow() });
    await new Promise((resolve) => setTimeout(resolve, 2000));
  }
}
