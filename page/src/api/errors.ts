// What a call that failed says to a person: a code, a reason, words, and the fields that are at fault.
import { Code, ConnectError } from "@connectrpc/connect";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "google/rpc/error_details_pb.js";

export interface Refusal {
  /** Of gRPC, such as "PERMISSION_DENIED". */
  code: string;
  /** Of error_reason.proto, without its prefix, such as "NOT_ALLOWED"; "" when no server of Ringback has said one. */
  reason: string;
  /** For people. */
  message: string;
  violations: { field: string; description: string }[];
  /** By which the server's log has it; "" where no server has answered. */
  requestId: string;
  /** The same call may succeed later. */
  retryable: boolean;
  /** Not before. 0 where the server does not say. */
  retryAfterMs: number;
  /** What was tried against, such as the state; by the server's names. */
  metadata: Record<string, string>;
}

const DOMAIN = "ringback.v1";
const RETRYABLE: ReadonlySet<Code> = new Set([
  Code.Unavailable,
  Code.DeadlineExceeded,
  Code.ResourceExhausted,
  Code.Aborted,
  Code.Canceled,
  Code.Unknown,
  Code.Internal,
]);

export function refusalOf(error: unknown): Refusal {
  const failure = ConnectError.from(error);
  const info = failure.findDetails(ErrorInfoSchema).find(({ domain }) => domain === DOMAIN);
  const [retry] = failure.findDetails(RetryInfoSchema);
  const requestId = failure.metadata.get("x-request-id") ?? "";
  const unreachable = !info && !requestId && isOfNetwork(failure);
  return {
    code: unreachable ? "UNAVAILABLE" : codeName(failure.code),
    reason: info?.reason ?? "",
    message: unreachable ? "The server cannot be reached." : failure.rawMessage,
    violations: failure
      .findDetails(BadRequestSchema)
      .flatMap(({ fieldViolations }) => fieldViolations.map(({ field, description }) => ({ field, description }))),
    requestId,
    retryable: RETRYABLE.has(failure.code),
    retryAfterMs: retry?.retryDelay ? Math.max(durationMs(retry.retryDelay), 0) : 0,
    metadata: { ...info?.metadata },
  };
}

/** Browsers say no more than "Failed to fetch", each in words of its own; a stream that is cut has no end. */
function isOfNetwork({ cause, rawMessage }: ConnectError): boolean {
  return cause instanceof TypeError || rawMessage === "missing EndStreamResponse";
}

/** `PermissionDenied` is PERMISSION_DENIED; gRPC spells CANCELLED with two L. */
function codeName(code: Code): string {
  if (code === Code.Canceled) return "CANCELLED";
  return Code[code].replaceAll(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase();
}
