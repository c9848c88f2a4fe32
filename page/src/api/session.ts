// /session: where a token is exchanged for a cookie.
import { Code, ConnectError } from "@connectrpc/connect";

export interface SessionState {
  signed_in: boolean;
  sign_in_needed: boolean;
  /** "session", "token", "certificate", "" for nobody. */
  by: string;
  ends_at: string | null;
}

const CODES: Record<number, Code> = {
  400: Code.InvalidArgument,
  401: Code.Unauthenticated,
  403: Code.PermissionDenied,
};

/** Call it. Throws a `ConnectError`, as calls do. DELETE has no answer: of it nothing is to be read. */
export async function callSession(method: "GET" | "POST" | "DELETE", body?: object): Promise<SessionState> {
  const response = await fetch("/session", {
    method,
    ...(body && { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    signal: AbortSignal.timeout(10_000),
  }).catch((error: unknown) => {
    throw new ConnectError("The server cannot be reached.", Code.Unavailable, undefined, undefined, error);
  });
  if (response.status === 204) return { signed_in: false, sign_in_needed: true, by: "", ends_at: null };
  const read: unknown = await response.json().catch(() => ({}));
  if (response.ok) return read as SessionState;
  // Problem details (RFC 9457).
  const { detail = response.statusText } = read as { detail?: string };
  throw new ConnectError(detail, CODES[response.status] ?? Code.Unavailable, response.headers);
}
