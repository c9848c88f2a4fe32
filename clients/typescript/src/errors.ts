import { type DescMessage, fromBinary, isMessage, type MessageShape } from "@bufbuild/protobuf";
import { type Any, anyUnpack, durationMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";

import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "./gen/google/rpc/error_details_pb.js";
import { StatusSchema } from "./gen/google/rpc/status_pb.js";
import { ErrorSchema } from "./gen/ringback/v1/callbacks_service_pb.js";
import { ErrorReason, ErrorReasonSchema } from "./gen/ringback/v1/error_reason_pb.js";

const DOMAIN = "ringback.v1";

/** One fault of one field of a request. */
export interface Violation {
  /** The path of the field, for example "callback_request.due_date". */
  readonly field: string;
  /** What is wrong with it. For people. */
  readonly description: string;
}

/**
 * Why a call failed, of any error: of Connect, of grpc-js, or the `error` of a batch item.
 *
 * `ErrorReason.UNSPECIFIED` when it does not come from Ringback itself (no connection, a deadline, a proxy), or when the
 * reason is newer than these stubs.
 */
export function reasonOf(error: unknown): ErrorReason {
  const info = detailsOf(error, ErrorInfoSchema).find(({ domain }) => domain === DOMAIN);
  return info && isReason(info.reason) ? ErrorReason[info.reason] : ErrorReason.UNSPECIFIED;
}

/** The server's names have no prefix, as those of the stubs. */
function isReason(name: string): name is keyof typeof ErrorReason {
  return ErrorReasonSchema.values.some(({ localName }) => localName === name);
}

/** What is wrong with the request, field by field, at most 20. Empty unless the reason is INVALID_FIELD. */
export function violationsOf(error: unknown): Violation[] {
  return detailsOf(error, BadRequestSchema).flatMap(({ fieldViolations }) =>
    fieldViolations.map(({ field, description }) => ({ field, description })),
  );
}

/** The longest wait that a server may impose: after it, another refusal costs little. */
const MAX_LIMIT_MS = 60_000;

/**
 * How long a limit of the server lasts. Undefined for every other error: `ResourceExhausted` is also the code of a message
 * that is too large. Not exported from the package.
 */
export function limitMsOf(error: unknown): number | undefined {
  if (ConnectError.from(error).code !== Code.ResourceExhausted) return undefined;
  const [info] = detailsOf(error, RetryInfoSchema);
  if (!info) return undefined;
  return Math.min(Math.max(info.retryDelay ? durationMs(info.retryDelay) : 0, 0), MAX_LIMIT_MS);
}

function detailsOf<Desc extends DescMessage>(error: unknown, schema: Desc): MessageShape<Desc>[] {
  if (error instanceof ConnectError) return error.findDetails(schema);
  return packedDetailsOf(error).flatMap((detail) => anyUnpack(detail, schema) ?? []);
}

function packedDetailsOf(error: unknown): Any[] {
  if (isMessage(error, ErrorSchema)) return error.details;
  return statusesOf(error).flatMap((status) => fromBinary(StatusSchema, status).details);
}

/** Serialized `google.rpc.Status`es in a `ServiceError` of grpc-js, which is recognised without importing it. */
function statusesOf(error: unknown): Uint8Array[] {
  if (!(error instanceof Error && "metadata" in error)) return [];
  const metadata = error.metadata as { get?: (key: string) => Uint8Array[] };
  return metadata.get?.("grpc-status-details-bin") ?? [];
}
