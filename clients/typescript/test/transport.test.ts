import "./haste.js";

import assert from "node:assert/strict";
import { test } from "node:test";

import type { CallOptions, Interceptor } from "@connectrpc/connect";
import { Code, ConnectError, createClient, ringbackTransport } from "@ringback/client";
import { CallbacksService, DialerService } from "@ringback/client/v1";

import { serve } from "./server.js";

// --- The service config ----------------------------------------------------------------------------------------------

test("UNAVAILABLE and CANCELLED are retried, up to five tries, and nothing else is", async (t) => {
  const script: Code[] = [];
  const server = await serve(t, (router) =>
    router.rpc(CallbacksService.method.getCallback, () => {
      const code = script.shift();
      if (code) throw new ConnectError("on purpose", code);
      return {};
    }),
  );
  let seen = 0;
  const counts: Interceptor = (next) => (request) => {
    seen++;
    return next(request);
  };
  const transport = ringbackTransport({ address: server.address, plaintext: true, interceptors: [counts] });
  const client = createClient(CallbacksService, transport);

  script.push(...Array<Code>(4).fill(Code.Unavailable));
  assert.ok(await client.getCallback({}));
  script.push(Code.Unavailable, Code.Canceled, Code.Unavailable, Code.Canceled);
  assert.ok(await client.getCallback({}));
  script.push(...Array<Code>(5).fill(Code.Unavailable));
  await assert.rejects(client.getCallback({}), { code: Code.Unavailable });
  assert.equal(script.length, 0);
  script.push(Code.Aborted);
  await assert.rejects(client.getCallback({}), { code: Code.Aborted });
  assert.equal(seen, 4, "an interceptor of the caller's sees calls, not tries");
});

test("each method has its deadline, and a call can only shorten it", async (t) => {
  const seen: (string | null)[] = [];
  const server = await serve(t, (router) => {
    router.rpc(CallbacksService.method.getCallback, (_, { requestHeader }) => {
      seen.push(requestHeader.get("grpc-timeout"));
      return {};
    });
    router.rpc(DialerService.method.leaseCallbacks, (_, { requestHeader }) => {
      seen.push(requestHeader.get("grpc-timeout"));
      return {};
    });
    router.rpc(CallbacksService.method.watchCallbacks, async function* (_, { requestHeader }) {
      seen.push(requestHeader.get("grpc-timeout"));
      yield {};
    });
  });
  const transport = ringbackTransport({ address: server.address, plaintext: true });
  const callbacks = createClient(CallbacksService, transport);
  const get = (options: CallOptions) => callbacks.getCallback({}, options);

  for (const options of [{}, { timeoutMs: 5_000 }, { timeoutMs: 60_000 }, { timeoutMs: 0 }]) await get(options);
  await createClient(DialerService, transport).leaseCallbacks({});
  for await (const _ of callbacks.watchCallbacks({}));
  assert.deepEqual(seen, ["10000m", "5000m", "10000m", "10000m", "75000m", null]);
});

// --- Lost connections ------------------------------------------------------------------------------------------------

test("a lost connection is UNAVAILABLE, and the next call has a new one", async (t) => {
  let calls = 0;
  const server = await serve(t, (router) => {
    router.rpc(CallbacksService.method.getCallback, () => {
      if (++calls < 3) server.disconnect();
      return {};
    });
    router.rpc(CallbacksService.method.watchCallbacks, async function* () {
      yield {};
      server.disconnect();
    });
  });
  const client = createClient(CallbacksService, ringbackTransport({ address: server.address, plaintext: true }));
  const responses = client.watchCallbacks({})[Symbol.asyncIterator]();
  await responses.next();
  await assert.rejects(responses.next(), { code: Code.Unavailable });
  assert.ok(await client.getCallback({}));
  assert.equal(calls, 3);
});

test("a call that its caller ends is CANCELLED, not a lost connection", async (t) => {
  const stop = new AbortController();
  let calls = 0;
  const server = await serve(t, (router) =>
    router.rpc(CallbacksService.method.getCallback, () => {
      calls++;
      stop.abort();
      return {};
    }),
  );
  const client = createClient(CallbacksService, ringbackTransport({ address: server.address, plaintext: true }));
  await assert.rejects(client.getCallback({}, { signal: stop.signal }), { code: Code.Canceled });
  assert.ok(await client.getCallback({})); // comes after any repetition of the first
  assert.equal(calls, 2);
});
