import { clone, create, type MessageInitShape } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { type Client, Code, ConnectError } from "@connectrpc/connect";

import { delayMs, pace, pause } from "./back-off.js";
import { limitMsOf } from "./errors.js";
import {
  type CallbacksService,
  type WatchCallbacksRequest,
  WatchCallbacksRequestSchema,
  type WatchCallbacksResponse,
} from "./gen/ringback/v1/callbacks_service_pb.js";

/** How to end a watch, and how to hear of its interruptions. */
export interface WatchOptions {
  /** Ends the watch as soon as it aborts. */
  readonly signal?: AbortSignal;
  /** Told of each fault that the watch then gets over, for example for a log. */
  readonly onInterrupted?: (fault: ConnectError) => void;
}

type WatchClient = Pick<Client<typeof CallbacksService>, "watchCallbacks">;

// What the server makes of `heartbeat_interval`, as callbacks_service.proto says; `pace` has the least.
const DEFAULT_HEARTBEAT_MS = 15_000;
const MAX_HEARTBEAT_MS = 60_000;
// Two intervals make a silent connection suspect; the third is for slow networks and busy machines.
const SILENT_INTERVALS = 3;

// The same request would only be refused again.
const FINAL_CODES: ReadonlySet<Code> = new Set([
  Code.InvalidArgument,
  Code.NotFound,
  Code.OutOfRange,
  Code.PermissionDenied,
  Code.Unauthenticated,
  Code.Unimplemented,
]);

/**
 * Watches callbacks for as long as the caller iterates, over broken connections and restarts of the server.
 *
 * Each new stream continues with the `resumeToken` of the last response whose turn of the loop is over, so nothing is
 * missed; the last events may come twice, and the larger `revision` wins. A connection that has been silent for three
 * heartbeat intervals counts as broken.
 *
 * The server ends a stream with the credentials that opened it. After a minute or more a new one is tried, once, since a
 * token file may have the next token.
 *
 * Throws the `ConnectError` when the server refuses the watch for good, for example with RESUME_TOKEN_EXPIRED,
 * CREDENTIALS_INVALID or NOT_ALLOWED. To stop, leave the loop; or abort `signal`, whose reason is then thrown. Both cancel the call.
 */
export async function* watchCallbacks(
  client: WatchClient,
  init: MessageInitShape<typeof WatchCallbacksRequestSchema>,
  { signal = new AbortController().signal, onInterrupted }: WatchOptions = {},
): AsyncGenerator<WatchCallbacksResponse, void, undefined> {
  const request = clone(WatchCallbacksRequestSchema, create(WatchCallbacksRequestSchema, init));
  let failures = 0;
  for (;;) {
    signal.throwIfAborted();
    let fault: ConnectError | undefined = new ConnectError("ended before its first response", Code.Unavailable);
    let acceptedMs = Number.POSITIVE_INFINITY;
    try {
      for await (const response of oneStream(client, request, signal)) {
        failures = 0;
        fault = undefined;
        acceptedMs = Math.min(acceptedMs, performance.now());
        yield response;
        request.resumeToken = response.resumeToken;
      }
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof ConnectError)) throw error;
      if (FINAL_CODES.has(error.code) && !isRenewable(error, acceptedMs)) throw error;
      fault = error;
    }
    if (fault) {
      onInterrupted?.(fault);
      failures += 1;
      await pause(delayMs(failures, pace) + (limitMsOf(fault) ?? 0), signal);
    }
  }
}

/** Whether the credentials of a stream have ended so long after they were accepted that there may be new ones. */
function isRenewable({ code }: ConnectError, acceptedMs: number): boolean {
  return code === Code.Unauthenticated && performance.now() - acceptedMs >= pace.renewableAfterMs;
}

/** One stream, until its OK end. Cancels the call when it is left, which leaving a stream of Connect does not. */
async function* oneStream(client: WatchClient, request: WatchCallbacksRequest, signal: AbortSignal) {
  const silenceMs = SILENT_INTERVALS * heartbeatMs(request);
  const call = new AbortController();
  signal.addEventListener("abort", () => call.abort(signal.reason), { signal: call.signal });
  const fallSilent = () => call.abort(new ConnectError(`nothing heard for ${silenceMs} ms`, Code.Unavailable));
  try {
    const responses = client.watchCallbacks(request, { signal: call.signal })[Symbol.asyncIterator]();
    for (;;) {
      const timer = setTimeout(fallSilent, silenceMs);
      const next = await responses.next().finally(() => clearTimeout(timer));
      if (next.done) return;
      yield next.value;
    }
  } finally {
    call.abort();
  }
}

function heartbeatMs({ heartbeatInterval }: WatchCallbacksRequest): number {
  if (!heartbeatInterval) return DEFAULT_HEARTBEAT_MS;
  return Math.min(Math.max(durationMs(heartbeatInterval), pace.minHeartbeatMs), MAX_HEARTBEAT_MS);
}
