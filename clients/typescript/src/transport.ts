import type { Interceptor, Transport } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";

import { lostConnections } from "./lost-connections.js";
import { retries, withDeadlines } from "./service-config.js";

interface CommonOptions {
  /** "HOST:PORT". Without a port it is that of the scheme: 443, or 80 in plain text. */
  readonly address: string;
  /** Interceptors of your own, for example for tracing. They see a call once, however often it is retried. */
  readonly interceptors?: readonly Interceptor[];
}

/** Over TLS. */
export interface TlsOptions extends CommonOptions {
  readonly plaintext?: false;
  /** Certificates of the authorities to trust, in PEM, instead of those that Node.js trusts. */
  readonly ca?: string | Buffer;
  /** Sent with each call as `authorization: Bearer …`. As a function, it is asked before each call. */
  readonly token?: string | (() => string | Promise<string>);
}

/** Without TLS: for tests, and for a proxy on the same machine. There is no token then, which others could read. */
export interface PlainTextOptions extends CommonOptions {
  readonly plaintext: true;
  readonly ca?: never;
  readonly token?: never;
}

// Notice a dead connection, and keep NATs and proxies from dropping one that is only quiet. The server permits a ping
// every ten seconds.
const KEEPALIVE = { pingIntervalMs: 20_000, pingTimeoutMs: 10_000, pingIdleConnection: true };

/**
 * The way to a server, to be given to `createClient`. It has the deadlines and retries that Ringback recommends, and
 * reconnects by itself. One is enough for all clients of a process; it connects with the first call.
 *
 * Throws a `TypeError` when a token is given for a connection in plain text.
 */
export function ringbackTransport(options: TlsOptions | PlainTextOptions): Transport {
  const { address, plaintext = false, ca, token, interceptors = [] } = options;
  if (plaintext && token !== undefined) throw new TypeError("a token is not sent in plain text");
  const transport = createGrpcTransport({
    baseUrl: `${plaintext ? "http" : "https"}://${address}`,
    // The first one is the outermost.
    interceptors: [...interceptors, retries, ...(token === undefined ? [] : [bearer(token)]), lostConnections],
    ...(ca === undefined ? {} : { nodeOptions: { ca } }),
    ...KEEPALIVE,
  });
  return withDeadlines(transport);
}

function bearer(token: NonNullable<TlsOptions["token"]>): Interceptor {
  return (next) => async (request) => {
    request.header.set("authorization", `Bearer ${typeof token === "function" ? await token() : token}`);
    return next(request);
  };
}
