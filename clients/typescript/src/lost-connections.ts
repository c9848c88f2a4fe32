import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";

/**
 * Gives calls whose connection was lost, or could not be made, the code UNAVAILABLE, as gRPC does.
 *
 * With Connect they fail with `Canceled` (the connection has closed), `Aborted` (it was reset) or `Internal` (anything
 * else, for example a TLS handshake), and could not be told from what a caller or the server has decided.
 */
export const lostConnections: Interceptor = (next) => async (request) => {
  const translated = (error: unknown) => (isLost(error, request.signal) ? unavailable(error) : error);
  try {
    const response = await next(request);
    return response.stream ? { ...response, message: translating(response.message, translated) } : response;
  } catch (error) {
    throw translated(error);
  }
};

async function* translating<T>(messages: AsyncIterable<T>, translated: (error: unknown) => unknown) {
  try {
    yield* messages;
  } catch (error) {
    throw translated(error);
  }
}

function isLost(error: unknown, signal: AbortSignal): error is ConnectError {
  // An aborted signal is the caller's own doing, or the deadline.
  if (signal.aborted || !(error instanceof ConnectError)) return false;
  // What the server has said: over gRPC, and over Connect.
  if (error.metadata.has("grpc-status") || error.details.length > 0) return false;
  return error.code === Code.Canceled || error.code === Code.Aborted || isOfNode(error.cause);
}

/** Errors of sockets, TLS and HTTP/2 have a code such as "ECONNRESET". */
function isOfNode(cause: unknown): boolean {
  return cause instanceof Error && "code" in cause && typeof cause.code === "string";
}

function unavailable({ rawMessage, metadata, cause }: ConnectError): ConnectError {
  return new ConnectError(rawMessage, Code.Unavailable, metadata, undefined, cause);
}
