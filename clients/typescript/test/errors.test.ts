import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";

import { create } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient, reasonOf, ringbackTransport, violationsOf } from "@ringback/client";
import { BadRequestSchema, ErrorInfoSchema } from "@ringback/client/google/rpc/error_details_pb";
import { CallbacksService, ErrorReason, ErrorReasonSchema } from "@ringback/client/v1";

import { serve } from "./server.js";

type Detail = NonNullable<ConstructorParameters<typeof ConnectError>[3]>[number];

const info = (reason: string, domain = "ringback.v1"): Detail => ({ desc: ErrorInfoSchema, value: { reason, domain } });

/** What a client catches when a server fails with these details. */
async function caught(t: TestContext, ...details: Detail[]): Promise<unknown> {
  const server = await serve(t, (router) =>
    router.rpc(CallbacksService.method.getCallback, () => {
      throw new ConnectError("on purpose", Code.InvalidArgument, undefined, details);
    }),
  );
  const client = createClient(CallbacksService, ringbackTransport({ address: server.address, plaintext: true }));
  return client.getCallback({}).catch((error: unknown) => error);
}

test("a refusal has a reason and violations", async (t) => {
  const fieldViolations = [
    { field: "callback_request.target", description: "is required" },
    { field: "callback_request.max_retries", description: "-1 is not between 0 and 100" },
  ];
  const error = await caught(t, { desc: BadRequestSchema, value: { fieldViolations } }, info("INVALID_FIELD"));
  assert.equal(reasonOf(error), ErrorReason.INVALID_FIELD);
  assert.deepEqual(violationsOf(error), fieldViolations);
});

test("the error of a batch item is read as that of a call", async (t) => {
  const fieldViolations = [{ field: "callback_request.target", description: "is required" }];
  const details = [
    anyPack(ErrorInfoSchema, create(ErrorInfoSchema, { reason: "INVALID_FIELD", domain: "ringback.v1" })),
    anyPack(BadRequestSchema, create(BadRequestSchema, { fieldViolations })),
  ];
  const server = await serve(t, (router) =>
    router.rpc(CallbacksService.method.batchCreateCallbacks, () => ({
      results: [{ created: true }, { error: { code: Code.InvalidArgument, message: "refused", details } }],
    })),
  );
  const client = createClient(CallbacksService, ringbackTransport({ address: server.address, plaintext: true }));
  const [good, bad] = (await client.batchCreateCallbacks({})).results;
  assert.equal(reasonOf(bad?.error), ErrorReason.INVALID_FIELD);
  assert.deepEqual(violationsOf(bad?.error), fieldViolations);
  assert.equal(reasonOf(good?.error), ErrorReason.UNSPECIFIED);
  assert.deepEqual(violationsOf(good?.error), []);
});

test("every reason is known by the name that the server sends", () => {
  const reasons = ErrorReasonSchema.values.map(({ localName }) =>
    reasonOf(new ConnectError("", Code.Unknown, undefined, [info(localName)])),
  );
  assert.deepEqual(
    reasons,
    ErrorReasonSchema.values.map(({ number }) => number),
  );
});

test("what does not come from Ringback has no reason and no violations", async (t) => {
  for (const error of [
    await caught(t),
    await caught(t, info("CALLBACK_NOT_FOUND", "elsewhere")),
    new Error("x"),
    null,
  ]) {
    assert.equal(reasonOf(error), ErrorReason.UNSPECIFIED);
    assert.deepEqual(violationsOf(error), []);
  }
});

test("a reason that is newer than the stubs is none", async (t) => {
  assert.equal(reasonOf(await caught(t, info("INVENTED_LATER"))), ErrorReason.UNSPECIFIED);
});
