import { createSecureContext } from "node:tls";

import type { Interceptor, Transport } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";

import { lostConnections } from "./lost-connections.js";
import { retries, withDeadlines } from "./service-config.js";
import { authorization, type Token } from "./token.js";

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
  /** The client's certificate with its chain, in PEM, which is shown to the server (mTLS). It needs `key`. */
  readonly cert?: string | Buffer;
  /** The key of `cert`, in PEM. */
  readonly key?: string | Buffer;
  /** Sent with each call as `authorization: Bearer …`. A function, such as `tokenFile(path)`, is called for each try. */
  readonly token?: Token;
  readonly tokenInPlainText?: never;
}

interface WithoutTls extends CommonOptions {
  readonly plaintext: true;
  readonly ca?: never;
  readonly cert?: never;
  readonly key?: never;
}

/** Without TLS: for tests, and for a proxy on the same machine. There is no token then, which others could read. */
export interface PlainTextOptions extends WithoutTls {
  readonly token?: never;
  readonly tokenInPlainText?: false;
}

/** Without TLS and with a token: on the loopback interface, or in a service mesh, where others cannot read it. */
export interface PlainTextTokenOptions extends WithoutTls {
  /** As over TLS. */
  readonly token: Token;
  readonly tokenInPlainText: true;
}

// Notice a dead connection, and keep NATs and proxies from dropping one that is only quiet. The server permits a ping
// every ten seconds.
const KEEPALIVE = { pingIntervalMs: 20_000, pingTimeoutMs: 10_000, pingIdleConnection: true };

/**
 * The way to a server, to be given to `createClient`. It has the deadlines and retries that Ringback recommends, and
 * reconnects by itself. One is enough for all clients of a process; it connects with the first call.
 *
 * Throws a `TypeError` when a token is given for a connection in plain text without `tokenInPlainText`, or a certificate
 * without its key; the error of OpenSSL for a certificate or key that it does not accept.
 */
export function ringbackTransport(options: TlsOptions | PlainTextOptions | PlainTextTokenOptions): Transport {
  const { address, plaintext = false, token, tokenInPlainText = false, interceptors = [] } = options;
  if (plaintext && token !== undefined && !tokenInPlainText) throw new TypeError("a token is not sent in plain text");
  const transport = createGrpcTransport({
    baseUrl: `${plaintext ? "http" : "https"}://${address}`,
    // The first one is the outermost.
    interceptors: [...interceptors, retries, ...(token === undefined ? [] : [bearer(token)]), lostConnections],
    ...(plaintext ? {} : { nodeOptions: { secureContext: contextOf(options) } }),
    ...KEEPALIVE,
  });
  return withDeadlines(transport);
}

function contextOf({ ca, cert, key }: Pick<TlsOptions, "ca" | "cert" | "key">) {
  if ((cert === undefined) !== (key === undefined)) throw new TypeError("a certificate and its key need each other");
  return createSecureContext({
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  });
}

function bearer(token: Token): Interceptor {
  return (next) => async (request) => {
    request.header.set("authorization", await authorization(token));
    return next(request);
  };
}
