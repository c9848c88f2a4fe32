import { readFileSync } from "node:fs";

import { ringbackTransport, tokenFile } from "@ringback/client";

// Each of them may be left out: `ca` for the authorities of Node.js, the certificate where a token proves who this is.
export const secure = ringbackTransport({
  address: "ringback.example:443",
  ca: readFileSync("/etc/ringback/ca.pem"),
  cert: readFileSync("/etc/ringback/client.pem"),
  key: readFileSync("/etc/ringback/client-key.pem"),
  // Read for each call, so a token that is renewed is used at once.
  token: tokenFile("/run/secrets/ringback-token"),
});

// On the loopback interface, or within a service mesh.
export const local = ringbackTransport({
  address: "localhost:50051",
  plaintext: true,
  token: tokenFile("/run/secrets/ringback-token"),
  tokenInPlainText: true,
});
