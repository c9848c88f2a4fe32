import { clone, create, type MessageInitShape } from "@bufbuild/protobuf";
import { type Client, Code, ConnectError } from "@connectrpc/connect";

import { delayMs, pace, pause } from "./back-off.js";
import { limitMsOf } from "./errors.js";
import {
  type CallbacksService,
  type CreateCallbackRequest,
  CreateCallbackRequestSchema,
  type CreateCallbackResponse,
} from "./gen/ringback/v1/callbacks_service_pb.js";

/** How long to try. */
export interface CreateOptions {
  /** When to give up, in milliseconds from now. By default 30,000. */
  readonly timeoutMs?: number;
  /** Gives up as soon as it aborts. */
  readonly signal?: AbortSignal;
}

const DEFAULT_TIMEOUT_MS = 30_000;
const TRY_TIMEOUT_MS = 10_000;

// Whether the callback was created is unknown, or it was not because of something that passes.
const REPEATED_CODES: ReadonlySet<Code> = new Set([Code.Unavailable, Code.Canceled, Code.DeadlineExceeded]);

/**
 * Creates one callback, also when the server restarts meanwhile or the connection breaks: the request is repeated until
 * it is answered. So that no repetition creates a second callback, a request with neither a `requestId` nor a
 * `callbackRequest.externalTaskId` gets a random `requestId`. What a limit refuses (RATE_LIMITED, QUOTA_EXCEEDED) is
 * repeated after the time that the server names.
 *
 * Rejects with the `ConnectError` of the last try when it is another refusal, also CREDENTIALS_INVALID and NOT_ALLOWED, or
 * when the next try would come too late; with the reason of `signal` when that has aborted.
 */
export async function createCallback(
  client: Pick<Client<typeof CallbacksService>, "createCallback">,
  request: MessageInitShape<typeof CreateCallbackRequestSchema>,
  { timeoutMs = DEFAULT_TIMEOUT_MS, signal = new AbortController().signal }: CreateOptions = {},
): Promise<CreateCallbackResponse> {
  const identified = withId(request);
  const endMs = performance.now() + timeoutMs;
  for (let failures = 1; ; failures++) {
    // A whole number, as Connect wants it, and never 0, which would be no limit.
    const leftMs = Math.max(Math.ceil(endMs - performance.now()), 1);
    try {
      return await client.createCallback(identified, { signal, timeoutMs: Math.min(leftMs, TRY_TIMEOUT_MS) });
    } catch (error) {
      signal.throwIfAborted();
      const limitMs = limitMsOf(error);
      const waitMs = delayMs(failures, pace) + (limitMs ?? 0);
      const isFinal = limitMs === undefined && !REPEATED_CODES.has(ConnectError.from(error).code);
      if (isFinal || performance.now() + waitMs >= endMs) throw error;
      await pause(waitMs, signal);
    }
  }
}

function withId(init: MessageInitShape<typeof CreateCallbackRequestSchema>): CreateCallbackRequest {
  const request = clone(CreateCallbackRequestSchema, create(CreateCallbackRequestSchema, init));
  if (!request.requestId && !request.callbackRequest?.externalTaskId) request.requestId = crypto.randomUUID();
  return request;
}
