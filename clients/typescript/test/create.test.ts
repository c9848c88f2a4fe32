import "./haste.js";

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";

import { create } from "@bufbuild/protobuf";
import type { Client, HandlerContext } from "@connectrpc/connect";
import { Code, ConnectError, createCallback, createClient, ringbackTransport } from "@ringback/client";
import { CallbacksService, type CreateCallbackRequest, CreateCallbackRequestSchema } from "@ringback/client/v1";

import { limitMsOf } from "../src/errors.js";
import { cancelled, limit, serve } from "./server.js";

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Keeps the requests, and answers each with the next code of its script, at last with OK. */
class Fake {
  readonly requests: CreateCallbackRequest[] = [];

  private constructor(readonly client: Client<typeof CallbacksService>) {}

  static async start(t: TestContext, ...script: (Code | ConnectError)[]): Promise<Fake> {
    const server = await serve(t, (router) =>
      router.rpc(CallbacksService.method.createCallback, (request) => {
        fake.requests.push(request);
        const failure = script.shift();
        if (failure) throw failure instanceof ConnectError ? failure : new ConnectError("on purpose", failure);
        return { created: true };
      }),
    );
    const transport = ringbackTransport({ address: server.address, plaintext: true });
    const fake = new Fake(createClient(CallbacksService, transport));
    return fake;
  }
}

/** A client whose creates are never answered. */
async function silent(t: TestContext, onCall?: () => void): Promise<Client<typeof CallbacksService>> {
  const server = await serve(t, (router) =>
    router.rpc(CallbacksService.method.createCallback, async (_, context: HandlerContext) => {
      onCall?.();
      await cancelled(context);
      return {};
    }),
  );
  return createClient(CallbacksService, ringbackTransport({ address: server.address, plaintext: true }));
}

test("a create is repeated with the one id that it was given", async (t) => {
  // The transport makes five tries of an UNAVAILABLE before the helper sees it.
  const unavailable = Array<Code>(5).fill(Code.Unavailable);
  const fake = await Fake.start(t, Code.Canceled, Code.DeadlineExceeded, ...unavailable);
  const request = create(CreateCallbackRequestSchema, { callbackRequest: { target: "tel:+41785556677" } });
  assert.equal((await createCallback(fake.client, request)).created, true);
  assert.equal(fake.requests.length, 8);
  assert.match(fake.requests[0]?.requestId ?? "", UUID);
  assert.equal(new Set(fake.requests.map(({ requestId }) => requestId)).size, 1);
  assert.equal(request.requestId, "", "the caller's request is left alone");
});

test("a create that has an id keeps it, and gets no other", async (t) => {
  const fake = await Fake.start(t);
  await createCallback(fake.client, { requestId: "mine" });
  await createCallback(fake.client, { callbackRequest: { externalTaskId: "4711" } });
  assert.deepEqual(
    fake.requests.map(({ requestId }) => requestId),
    ["mine", ""],
  );
});

// RESOURCE_EXHAUSTED without the time of a limit: a message that is too large.
for (const code of [Code.AlreadyExists, Code.Unauthenticated, Code.PermissionDenied, Code.ResourceExhausted]) {
  test(`a refusal with ${Code[code]} is given to the caller at once`, async (t) => {
    const fake = await Fake.start(t, code);
    await assert.rejects(createCallback(fake.client, {}), { code });
    assert.equal(fake.requests.length, 1);
  });
}

test("what a limit refuses is repeated when the limit allows it", async (t) => {
  const fake = await Fake.start(t, limit(1), limit(1));
  assert.ok((await createCallback(fake.client, {})).created);
  assert.equal(fake.requests.length, 3);
  assert.deepEqual(fake.requests[2], fake.requests[0]);
});

test("a create does not wait for a limit that outlasts it", async (t) => {
  const fake = await Fake.start(t, limit(3_600_000));
  await assert.rejects(createCallback(fake.client, {}), { code: Code.ResourceExhausted });
  assert.equal(fake.requests.length, 1);
});

test("a limit lasts as long as the server says, and never long", () => {
  assert.equal(limitMsOf(limit(7_500)), 7_500);
  assert.equal(limitMsOf(limit(-1)), 0);
  assert.equal(limitMsOf(limit(3_600_000)), 60_000);
  assert.equal(limitMsOf(new ConnectError("too large", Code.ResourceExhausted)), undefined);
  assert.equal(limitMsOf(limit(7_500, Code.Unavailable)), undefined);
});

test("a create gives up when its time is up, with the last error", async (t) => {
  await assert.rejects(createCallback(await silent(t), {}, { timeoutMs: 50 }), { code: Code.DeadlineExceeded });
});

test("a create ends when its signal aborts, with the reason", async (t) => {
  const stop = new AbortController();
  const client = await silent(t, () => stop.abort(new Error("enough")));
  await assert.rejects(createCallback(client, {}, { signal: stop.signal }), { message: "enough" });
});
