import assert from "node:assert/strict";
import test from "node:test";

import { Code, ConnectError } from "@connectrpc/connect";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "google/rpc/error_details_pb.js";

import { refusalOf } from "../src/api/errors.js";

test("a refusal has the server's reason, its words, the fields, and the id of the request", () => {
  const error = new ConnectError("due_date is malformed", Code.InvalidArgument, { "x-request-id": "7f3c" }, [
    { desc: ErrorInfoSchema, value: { domain: "ringback.v1", reason: "INVALID_FIELD", metadata: { state: "QUEUED" } } },
    {
      desc: BadRequestSchema,
      value: { fieldViolations: [{ field: "callback_request.due_date", description: "is malformed" }] },
    },
  ]);
  assert.deepEqual(refusalOf(error), {
    code: "INVALID_ARGUMENT",
    reason: "INVALID_FIELD",
    message: "due_date is malformed",
    violations: [{ field: "callback_request.due_date", description: "is malformed" }],
    requestId: "7f3c",
    retryable: false,
    retryAfterMs: 0,
    metadata: { state: "QUEUED" },
  });
});

test("reasons of other domains are not the server's", () => {
  const error = new ConnectError("no", Code.PermissionDenied, undefined, [
    { desc: ErrorInfoSchema, value: { domain: "proxy.example", reason: "TIRED" } },
  ]);
  assert.deepEqual([refusalOf(error).code, refusalOf(error).reason], ["PERMISSION_DENIED", ""]);
});

test("a limit says for how long", () => {
  const error = new ConnectError("slowly", Code.ResourceExhausted, undefined, [
    { desc: RetryInfoSchema, value: { retryDelay: { seconds: 2n, nanos: 500_000_000 } } },
  ]);
  assert.deepEqual([refusalOf(error).retryable, refusalOf(error).retryAfterMs], [true, 2_500]);
});

test("what browsers say of a network is said in plain words, and can be tried again", () => {
  for (const error of [new TypeError("Load failed"), "missing EndStreamResponse"]) {
    const { code, message, retryable } = refusalOf(error);
    assert.deepEqual([code, message, retryable], ["UNAVAILABLE", "The server cannot be reached.", true]);
  }
});

test("what is no error of a call has words all the same", () => {
  assert.equal(refusalOf("odd").message, "odd");
  assert.equal(refusalOf(undefined).code, "UNKNOWN");
  assert.equal(refusalOf(new ConnectError("gone", Code.Canceled)).code, "CANCELLED");
});
