/** What a client of Ringback needs besides the stubs, which are in `@ringback/client/v1`. */

// From the version of Connect that the transport is made for.
export { Code, ConnectError, createClient } from "@connectrpc/connect";

export { type CreateOptions, createCallback } from "./create.js";
export { reasonOf, type Violation, violationsOf } from "./errors.js";
export { type Token, tokenFile } from "./token.js";
export { type PlainTextOptions, type PlainTextTokenOptions, ringbackTransport, type TlsOptions } from "./transport.js";
export { type WatchOptions, watchCallbacks } from "./watch.js";
