import { once } from "node:events";
import * as http2 from "node:http2";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";

import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { RetryInfoSchema } from "@ringback/client/google/rpc/error_details_pb";

/** A gRPC server in this process, until the end of the test. */
export interface TestServer {
  /** "HOST:PORT". */
  readonly address: string;
  /** Closes all connections, as a crash does. New ones are accepted. */
  disconnect(): void;
}

/**
 * Serves what `routes` adds; over TLS with `pem`, which has a certificate and its key; with `clientCa` to clients that it
 * has certified.
 */
export async function serve(
  t: TestContext,
  routes: (router: ConnectRouter) => void,
  pem?: string,
  clientCa?: string,
): Promise<TestServer> {
  const handler = connectNodeAdapter({ routes, connect: false, grpcWeb: false });
  const mutual = clientCa === undefined ? {} : { ca: clientCa, requestCert: true };
  const server = pem
    ? http2.createSecureServer({ key: pem, cert: pem, ...mutual }, handler)
    : http2.createServer(handler);
  const sessions = new Set<http2.ServerHttp2Session>();
  server.on("session", (session) => {
    sessions.add(session);
    session.on("close", () => sessions.delete(session));
  });
  const disconnect = () => {
    for (const session of sessions) session.destroy();
  };
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    disconnect();
  });
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, disconnect };
}

/** For handlers: waits until the client has cancelled the call, or is gone. */
export async function cancelled({ signal }: HandlerContext): Promise<void> {
  if (!signal.aborted) await once(signal, "abort");
}

/** What a server says whose limit lasts so long. */
export function limit(delayMs: number, code = Code.ResourceExhausted): ConnectError {
  const value = { retryDelay: durationFromMs(delayMs) };
  return new ConnectError("on purpose", code, undefined, [{ desc: RetryInfoSchema, value }]);
}
