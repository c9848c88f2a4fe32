import "./haste.js";

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";

import { Code, ConnectError, createClient, ringbackTransport, type Token, tokenFile } from "@ringback/client";
import { bearerToken, grpcJsClient } from "@ringback/client/grpc-js";
import { CallbacksService } from "@ringback/client/v1";
import { credentials } from "@grpc/grpc-js";

import { serve, type TestServer } from "./server.js";

/** A certificate for localhost that nobody has signed, and its key. */
function selfSigned(): string {
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "-"];
  const names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"];
  return execFileSync("openssl", ["req", "-x509", "-batch", ...key, ...names], { encoding: "utf8", stdio: "pipe" });
}

/** A server that keeps what was sent as authorization. */
async function noting(t: TestContext, pem?: string, clientCa?: string): Promise<TestServer & { seen: unknown[] }> {
  const seen: unknown[] = [];
  const server = await serve(
    t,
    (router) =>
      router.rpc(CallbacksService.method.getCallback, (_, { requestHeader }) => {
        seen.push(requestHeader.get("authorization"));
        return {};
      }),
    pem,
    clientCa,
  );
  return { ...server, seen };
}

const get = (options: Parameters<typeof ringbackTransport>[0]) =>
  createClient(CallbacksService, ringbackTransport(options)).getCallback({});

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "ringback-"));
  t.after(() => rm(path, { recursive: true }));
  return path;
}

test("a token arrives over TLS, a new one with each call", async (t) => {
  const pem = selfSigned();
  const { address, seen } = await noting(t, pem);
  const tokens = ["first", "second"];
  const token = () => tokens.shift() ?? "";
  const client = createClient(CallbacksService, ringbackTransport({ address, ca: pem, token }));
  await client.getCallback({});
  await client.getCallback({});
  assert.deepEqual(seen, ["Bearer first", "Bearer second"]);
});

test("a token file is read for each call", async (t) => {
  const { address, seen } = await noting(t);
  const path = join(await folder(t), "token");
  const token = tokenFile(path);
  const client = createClient(
    CallbacksService,
    ringbackTransport({ address, plaintext: true, token, tokenInPlainText: true }),
  );
  for (const content of ["first", "  second\r\n"]) {
    await writeFile(path, content);
    await client.getCallback({});
  }
  assert.deepEqual(seen, ["Bearer first", "Bearer second"]);
});

test("each try of a call has the token of its moment", async (t) => {
  const seen: unknown[] = [];
  const { address } = await serve(t, (router) =>
    router.rpc(CallbacksService.method.getCallback, (_, { requestHeader }) => {
      if (seen.push(requestHeader.get("authorization")) === 1) throw new ConnectError("on purpose", Code.Unavailable);
      return {};
    }),
  );
  const tokens = ["first", "second"];
  await get({ address, plaintext: true, tokenInPlainText: true, token: () => tokens.shift() ?? "" });
  assert.deepEqual(seen, ["Bearer first", "Bearer second"]);
});

test("without a usable token nothing is sent", async (t) => {
  const { address, seen } = await noting(t);
  const files = await folder(t);
  await writeFile(join(files, "empty"), " \n");
  await writeFile(join(files, "two"), "secret\nsecret\n");
  const unusable: Token[] = [
    "",
    "secret\nx-admin: 1",
    "secrét",
    () => "two secrets",
    tokenFile(join(files, "empty")),
    tokenFile(join(files, "two")),
    tokenFile(join(files, "none")),
  ];
  for (const token of unusable) {
    await assert.rejects(get({ address, plaintext: true, token, tokenInPlainText: true }), (error: ConnectError) => {
      assert.equal(error.code, Code.Unauthenticated);
      assert.doesNotMatch(error.message, /secr/);
      return true;
    });
  }
  assert.deepEqual(seen, []);
});

test("a token is not sent in plain text, unless that is said", async (t) => {
  const { address, seen } = await noting(t);
  const options = { address, plaintext: true, token: "secret" } as const;
  // @ts-expect-error: the types refuse it, too.
  assert.throws(() => ringbackTransport(options), TypeError);
  await get({ ...options, tokenInPlainText: true });
  assert.deepEqual(seen, ["Bearer secret"]);
});

test("a certificate that nobody trusts is refused", async (t) => {
  const { address } = await noting(t, selfSigned());
  await assert.rejects(get({ address, token: "secret" }), {
    code: Code.Unavailable,
    rawMessage: "self-signed certificate",
  });
  await assert.rejects(get({ address, ca: selfSigned() }), { code: Code.Unavailable });
});

test("the client's certificate is shown", async (t) => {
  const pem = selfSigned();
  const mine = selfSigned();
  const { address, seen } = await noting(t, pem, mine);
  await get({ address, ca: pem, cert: mine, key: mine });
  assert.equal(seen.length, 1);
  await assert.rejects(get({ address, ca: pem }), { code: Code.Unavailable });
  assert.equal(seen.length, 1);
});

test("a certificate and its key need each other", () => {
  const [pem, other] = [selfSigned(), selfSigned()];
  for (const options of [{ cert: pem }, { key: pem }, { cert: pem, key: other }, { cert: "no PEM", key: pem }]) {
    assert.throws(() => ringbackTransport({ address: "127.0.0.1:1", ...options }));
  }
});

test("grpc-js has the same tokens", async (t) => {
  const pem = selfSigned();
  const { address, seen } = await noting(t, pem);
  const path = join(await folder(t), "token");
  const secured = credentials.combineChannelCredentials(
    credentials.createSsl(Buffer.from(pem)),
    bearerToken(tokenFile(path)),
  );
  const client = grpcJsClient(CallbacksService, address, secured);
  t.after(() => client.close());
  const call = () =>
    new Promise((resolve, reject) => {
      client.getCallback({}, (error, response) => (error ? reject(error) : resolve(response)));
    });
  await assert.rejects(call(), /UNAUTHENTICATED/);
  for (const content of ["first", "second"]) {
    await writeFile(path, content);
    await call();
  }
  assert.deepEqual(seen, ["Bearer first", "Bearer second"]);
});
