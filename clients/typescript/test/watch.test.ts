import "./haste.js";

import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { type TestContext, test } from "node:test";

import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import type { Client, HandlerContext } from "@connectrpc/connect";
import { Code, ConnectError, createClient, ringbackTransport, watchCallbacks } from "@ringback/client";
import { CallbacksService, WatchCallbacksRequestSchema } from "@ringback/client/v1";

import { pace } from "../src/back-off.js";
import { cancelled, limit, serve, type TestServer } from "./server.js";

type Misbehaviour = (context: HandlerContext, server: TestServer) => void | Promise<void>;

const ends: Misbehaviour = () => {};
const loses: Misbehaviour = (_, server) => server.disconnect();
const fails = (code: Code): Misbehaviour => {
  return () => {
    throw new ConnectError("on purpose", code);
  };
};

/** Each stream sends one response with the next token, and then does the next thing of its script. */
class Fake {
  readonly resumedFrom: string[] = [];
  readonly client: Client<typeof CallbacksService>;

  private constructor(server: TestServer) {
    this.client = createClient(CallbacksService, ringbackTransport({ address: server.address, plaintext: true }));
  }

  static async start(t: TestContext, ...script: Misbehaviour[]): Promise<Fake> {
    const server = await serve(t, (router) =>
      router.rpc(CallbacksService.method.watchCallbacks, async function* ({ resumeToken }, context) {
        fake.resumedFrom.push(resumeToken);
        yield { resumeToken: `${fake.resumedFrom.length}` };
        await script.shift()?.(context, server);
      }),
    );
    const fake = new Fake(server);
    return fake;
  }
}

const MISBEHAVIOURS: [string, Misbehaviour][] = [
  ["after UNAVAILABLE", fails(Code.Unavailable)],
  ["after INTERNAL", fails(Code.Internal)],
  ["after UNKNOWN", fails(Code.Unknown)],
  ["after a CANCELLED that nobody asked for", fails(Code.Canceled)],
  ["after RESOURCE_EXHAUSTED", fails(Code.ResourceExhausted)],
  ["after an OK end", ends],
  ["after a lost connection", loses],
];

for (const [when, misbehaviour] of MISBEHAVIOURS) {
  test(`a watch resumes with its last token ${when}`, async (t) => {
    const fake = await Fake.start(t, misbehaviour, misbehaviour, cancelled);
    const tokens: string[] = [];
    for await (const { resumeToken } of watchCallbacks(fake.client, {})) {
      if (tokens.push(resumeToken) === 3) break;
    }
    assert.deepEqual(tokens, ["1", "2", "3"]);
    assert.deepEqual(fake.resumedFrom, ["", "1", "2"]);
  });
}

test("a watch resumes with its last token after three silent heartbeat intervals", async (t) => {
  const fake = await Fake.start(t, cancelled, cancelled);
  const faults: string[] = [];
  const request = { heartbeatInterval: durationFromMs(1) };
  const responses = watchCallbacks(fake.client, request, {
    onInterrupted: ({ rawMessage }) => faults.push(rawMessage),
  });
  assert.equal((await responses.next()).value?.resumeToken, "1");
  assert.equal((await responses.next()).value?.resumeToken, "2");
  await responses.return();
  assert.deepEqual(fake.resumedFrom, ["", "1"]);
  assert.deepEqual(faults, ["nothing heard for 900 ms"]);
});

for (const code of [
  Code.InvalidArgument,
  Code.NotFound,
  Code.OutOfRange,
  Code.PermissionDenied,
  Code.Unauthenticated,
  Code.Unimplemented,
]) {
  test(`a watch gives ${Code[code]} to its caller`, async (t) => {
    const fake = await Fake.start(t, fails(code));
    const responses = watchCallbacks(fake.client, {});
    await responses.next();
    await assert.rejects(responses.next(), { code, rawMessage: "on purpose" });
    assert.deepEqual(fake.resumedFrom, [""]);
  });
}

test("a watch waits for a limit", async (t) => {
  const fake = await Fake.start(
    t,
    () => {
      throw limit(200);
    },
    cancelled,
  );
  const responses = watchCallbacks(fake.client, {});
  await responses.next();
  const beginMs = performance.now();
  await responses.next();
  assert.ok(performance.now() - beginMs >= 200);
  await responses.return();
});

test("a watch goes on with the next token once", async (t) => {
  const { renewableAfterMs } = pace;
  t.after(() => Object.assign(pace, { renewableAfterMs }));
  pace.renewableAfterMs = 0;
  const resumedFrom: string[] = [];
  const { address } = await serve(t, (router) =>
    router.rpc(CallbacksService.method.watchCallbacks, async function* ({ resumeToken }) {
      // The token of the third stream is refused.
      if (resumedFrom.push(resumeToken) <= 2) yield { resumeToken: `${resumedFrom.length}` };
      throw new ConnectError("on purpose", Code.Unauthenticated);
    }),
  );
  const client = createClient(CallbacksService, ringbackTransport({ address, plaintext: true }));
  const responses = watchCallbacks(client, {});
  await responses.next();
  await responses.next();
  await assert.rejects(responses.next(), { code: Code.Unauthenticated });
  assert.deepEqual(resumedFrom, ["", "1", "2"]);
});

test("leaving the loop cancels the call", async (t) => {
  const call = new EventEmitter();
  const left = once(call, "left");
  const fake = await Fake.start(t, async (context) => {
    await cancelled(context);
    call.emit("left");
  });
  for await (const _ of watchCallbacks(fake.client, {})) break;
  await left;
  assert.equal(fake.resumedFrom.length, 1);
});

test("aborting the signal cancels the call and throws the reason", async (t) => {
  const call = new EventEmitter();
  const left = once(call, "left");
  const fake = await Fake.start(t, async (context) => {
    await cancelled(context);
    call.emit("left");
  });
  const stop = new AbortController();
  const responses = watchCallbacks(fake.client, {}, { signal: stop.signal });
  await responses.next();
  const next = responses.next();
  stop.abort(new Error("enough"));
  await assert.rejects(next, { message: "enough" });
  await left;
});

test("interruptions are told, and what the caller asked with is left alone", async (t) => {
  const fake = await Fake.start(t, fails(Code.Unavailable), cancelled);
  const request = create(WatchCallbacksRequestSchema);
  const faults: Code[] = [];
  const responses = watchCallbacks(fake.client, request, { onInterrupted: ({ code }) => faults.push(code) });
  await responses.next();
  await responses.next();
  await responses.return();
  assert.deepEqual(faults, [Code.Unavailable]);
  assert.deepEqual(request, create(WatchCallbacksRequestSchema));
});
