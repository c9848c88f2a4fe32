import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";

import { create } from "@bufbuild/protobuf";
import type { ConnectRouter } from "@connectrpc/connect";
import { credentials, type sendUnaryData, Server, ServerCredentials, type ServerUnaryCall } from "@grpc/grpc-js";
import { Code, ConnectError, createClient, reasonOf, ringbackTransport, violationsOf } from "@ringback/client";
import { BadRequestSchema, ErrorInfoSchema } from "@ringback/client/google/rpc/error_details_pb";
import { type GrpcJsClient, grpcJsClient, grpcJsDefinition } from "@ringback/client/grpc-js";
import {
  CallbacksService,
  type CreateCallbackRequest,
  type CreateCallbackResponse,
  CreateCallbackResponseSchema,
  ErrorReason,
  type WatchCallbacksResponse,
} from "@ringback/client/v1";

import { serve } from "./server.js";

type CallbackClient = GrpcJsClient<typeof CallbacksService>;

/** A client of grpc-js, connected to a server of Connect. */
async function connect(t: TestContext, routes: (router: ConnectRouter) => void): Promise<CallbackClient> {
  const { address } = await serve(t, routes);
  const client = grpcJsClient(CallbacksService, address, credentials.createInsecure());
  t.after(() => client.close());
  return client;
}

function createCallback(client: CallbackClient, requestId: string): Promise<CreateCallbackResponse | undefined> {
  return new Promise((resolve, reject) => {
    client.createCallback({ requestId }, (error, response) => (error ? reject(error) : resolve(response)));
  });
}

test("a unary call, with the deadline of the service config", async (t) => {
  const deadlines: (number | undefined)[] = [];
  const client = await connect(t, (router) =>
    router.rpc(CallbacksService.method.createCallback, ({ requestId }, context) => {
      deadlines.push(context.timeoutMs());
      return { callback: { callbackId: requestId } };
    }),
  );
  assert.equal((await createCallback(client, "4711"))?.callback?.callbackId, "4711");
  assert.ok(Number(deadlines[0]) <= 10_000);
});

test("a proxy in the environment is passed by on the way to this machine", async (t) => {
  t.after(() => delete process.env["grpc_proxy"]);
  process.env["grpc_proxy"] = "http://127.0.0.1:1"; // nothing listens there
  const client = await connect(t, (router) =>
    router.rpc(CallbacksService.method.createCallback, ({ requestId }) => ({ callback: { callbackId: requestId } })),
  );
  assert.equal((await createCallback(client, "4711"))?.callback?.callbackId, "4711");
});

test("a stream", async (t) => {
  const client = await connect(t, (router) =>
    router.rpc(CallbacksService.method.watchCallbacks, async function* ({ resumeToken }) {
      yield { resumeToken: `${resumeToken}1` };
      yield { resumeToken: `${resumeToken}2` };
    }),
  );
  const responses: AsyncIterable<WatchCallbacksResponse> = client.watchCallbacks({ resumeToken: "t" });
  const tokens: string[] = [];
  for await (const { resumeToken } of responses) tokens.push(resumeToken);
  assert.deepEqual(tokens, ["t1", "t2"]);
});

test("a refusal has a reason and violations", async (t) => {
  const fieldViolations = [{ field: "key", description: "is required" }];
  const client = await connect(t, (router) =>
    router.rpc(CallbacksService.method.createCallback, () => {
      throw new ConnectError("on purpose", Code.InvalidArgument, undefined, [
        { desc: ErrorInfoSchema, value: { domain: "ringback.v1", reason: "INVALID_FIELD" } },
        { desc: BadRequestSchema, value: { fieldViolations } },
      ]);
    }),
  );
  await assert.rejects(createCallback(client, "4711"), (error) => {
    assert.equal(reasonOf(error), ErrorReason.INVALID_FIELD);
    assert.deepEqual(violationsOf(error), fieldViolations);
    return true;
  });
});

test("a server of grpc-js takes the same definition", async (t) => {
  type Call = ServerUnaryCall<CreateCallbackRequest, CreateCallbackResponse>;
  const server = new Server();
  t.after(() => server.forceShutdown());
  server.addService(
    { createCallback: grpcJsDefinition(CallbacksService).createCallback },
    {
      createCallback({ request }: Call, answer: sendUnaryData<CreateCallbackResponse>) {
        answer(null, create(CreateCallbackResponseSchema, { callback: { callbackId: request.requestId } }));
      },
    },
  );
  const port = await promisify(server.bindAsync.bind(server))("127.0.0.1:0", ServerCredentials.createInsecure());
  const client = createClient(CallbacksService, ringbackTransport({ address: `127.0.0.1:${port}`, plaintext: true }));
  assert.equal((await client.createCallback({ requestId: "4711" })).callback?.callbackId, "4711");
});
