/** The conformance driver, as tests/conformance/README.md describes it. */

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";

import {
  createRegistry,
  type DescMessage,
  type DescMethod,
  type DescService,
  fromBinary,
  type Message,
  toBinary,
} from "@bufbuild/protobuf";
import type { CallOptions, Interceptor, Transport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { status } from "@grpc/grpc-js";
import * as ringback from "@ringback/client";
import * as v1 from "@ringback/client/v1";

import { file_google_rpc_error_details } from "../src/gen/google/rpc/error_details_pb.js";
import { lostConnections } from "../src/lost-connections.js";
import { retries, withDeadlines } from "../src/service-config.js";
import { authorization } from "../src/token.js";

type Command = { id: number } & (
  | { call: string; request: string; timeout_ms: number }
  | { create: string; timeout_ms: number }
  | { stream: string }
  | { queues: string }
  | { watch: string }
  | { error: string }
  | { stop: number }
);

interface Rpc {
  readonly method: DescMethod;
  readonly call: ((request: Message, options: CallOptions) => Promise<Message>) | undefined;
}

const transport = transportOf(process.argv.slice(2));
const callbacks = ringback.createClient(v1.CallbacksService, transport);
const directory = ringback.createClient(v1.DirectoryService, transport);

/** Of HOST:PORT [--ca FILE] [--cert FILE --key FILE] [--token-file FILE] [--connect-json]. */
function transportOf(args: string[]): Transport {
  const file = { type: "string" } as const;
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { ca: file, cert: file, key: file, "token-file": file, "connect-json": { type: "boolean" } },
  });
  const [address = ""] = positionals;
  const { ca, cert, key, "token-file": tokenFile } = values;
  const token = tokenFile === undefined ? undefined : ringback.tokenFile(tokenFile);
  const tls = {
    ...(ca === undefined ? {} : { ca: readFileSync(ca) }),
    ...(cert === undefined ? {} : { cert: readFileSync(cert) }),
    ...(key === undefined ? {} : { key: readFileSync(key) }),
  };
  if (values["connect-json"]) return connectJson(address, ca === undefined ? undefined : tls, token);
  if (ca !== undefined)
    return ringback.ringbackTransport({ address, ...tls, ...(token === undefined ? {} : { token }) });
  const plaintext = true;
  if (token === undefined) return ringback.ringbackTransport({ address, plaintext });
  return ringback.ringbackTransport({ address, plaintext, token, tokenInPlainText: true });
}

/**
 * Connect with JSON, as browsers and scripts have it: over HTTP/1.1, and over HTTP/2 where TLS negotiates it. All else is as
 * in gRPC.
 */
function connectJson(address: string, tls: object | undefined, token: (() => Promise<string>) | undefined): Transport {
  const bearer: Interceptor = (next) => async (request) => {
    if (token !== undefined) request.header.set("authorization", await authorization(token));
    return next(request);
  };
  // An item of a batch has its refusal as an `Any`, of which JSON needs the types.
  const jsonOptions = { registry: createRegistry(file_google_rpc_error_details) };
  const common = { useBinaryFormat: false, jsonOptions, interceptors: [retries, bearer, lostConnections] };
  return withDeadlines(
    tls === undefined
      ? createConnectTransport({ ...common, baseUrl: `http://${address}`, httpVersion: "1.1" })
      : createConnectTransport({ ...common, baseUrl: `https://${address}`, httpVersion: "2", nodeOptions: tls }),
  );
}

/** All RPCs by name, such as "ringback.v1.CallbacksService/GetCallback". */
const methods = new Map([v1.CallbacksService, v1.DialerService, v1.DirectoryService].flatMap(methodsOf));

function methodsOf(service: DescService): [string, Rpc][] {
  const client = ringback.createClient(service, transport) as unknown as Record<string, Rpc["call"]>;
  return service.methods.map((method) => [
    `${service.typeName}/${method.name}`,
    { method, call: client[method.localName] },
  ]);
}

/** Ends a stream or watch that is open. */
const stops = new Map<number, () => Promise<void>>();

async function obey(command: Command): Promise<void> {
  const { id } = command;
  if ("call" in command) {
    answer(id, await result(call(command.call, command.request, command.timeout_ms)));
  } else if ("create" in command) {
    answer(id, await result(create(command.create, command.timeout_ms)));
  } else if ("stream" in command) {
    follow(id, v1.WatchCallbacksResponseSchema, (signal) =>
      callbacks.watchCallbacks(watchRequest(command.stream), { signal }),
    );
  } else if ("queues" in command) {
    const request = decode(v1.WatchQueuesRequestSchema, command.queues);
    follow(id, v1.WatchQueuesResponseSchema, (signal) => directory.watchQueues(request, { signal }));
  } else if ("watch" in command) {
    follow(id, v1.WatchCallbacksResponseSchema, (signal) =>
      ringback.watchCallbacks(callbacks, watchRequest(command.watch), { signal }),
    );
  } else if ("error" in command) {
    const error = decode(v1.ErrorSchema, command.error);
    answer(id, { code: status[error.code], message: error.message, ...told(error) });
  } else {
    await stops.get(command.stop)?.();
    answer(id, { code: "OK" });
  }
}

async function call(name: string, request: string, timeoutMs: number): Promise<string> {
  const rpc = methods.get(name);
  if (!rpc?.call) throw new Error(`no such method: ${name}`);
  return encode(rpc.method.output, await rpc.call(decode(rpc.method.input, request), { timeoutMs }));
}

async function create(request: string, timeoutMs: number): Promise<string> {
  const message = decode(v1.CreateCallbackRequestSchema, request);
  return encode(v1.CreateCallbackResponseSchema, await ringback.createCallback(callbacks, message, { timeoutMs }));
}

/** Answers with each response, and with a result unless it was stopped. */
function follow(id: number, schema: DescMessage, open: (signal: AbortSignal) => AsyncIterable<Message>): void {
  const stop = new AbortController();
  const responses = async () => {
    for await (const response of open(stop.signal)) {
      answer(id, { response: encode(schema, response) });
    }
  };
  const ended = result(responses()).then((outcome) => {
    if (!stop.signal.aborted) answer(id, outcome);
  });
  stops.set(id, () => {
    stop.abort();
    return ended;
  });
}

/** What became of a call, as the helper tells it. */
async function result(response: Promise<unknown>): Promise<object> {
  try {
    return { code: "OK", response: await response };
  } catch (error) {
    const { code, rawMessage } = ringback.ConnectError.from(error);
    return { code: status[code], message: rawMessage, ...told(error) };
  }
}

function told(error: unknown): object {
  const reason = ringback.reasonOf(error);
  return {
    reason: reason ? v1.ErrorReason[reason] : "",
    violations: ringback.violationsOf(error).map(({ field, description }) => [field, description]),
  };
}

function answer(id: number, fields: object): void {
  process.stdout.write(`${JSON.stringify({ id, ...fields })}\n`);
}

function watchRequest(base64: string): v1.WatchCallbacksRequest {
  return decode(v1.WatchCallbacksRequestSchema, base64);
}

function decode<Desc extends DescMessage>(schema: Desc, base64: string) {
  return fromBinary(schema, Buffer.from(base64, "base64"));
}

function encode(schema: DescMessage, message: Message): string {
  return Buffer.from(toBinary(schema, message)).toString("base64");
}

for await (const line of createInterface({ input: process.stdin })) void obey(JSON.parse(line) as Command);
process.exit(0);
