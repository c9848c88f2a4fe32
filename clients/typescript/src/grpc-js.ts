/** Clients and servers of `@grpc/grpc-js` with the same stubs: with its load balancing, its health checks, its own ways. */

import {
  create,
  type DescMethod,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  type DescService,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import {
  CallCredentials,
  type CallOptions,
  type ChannelCredentials,
  type ChannelOptions,
  type Client,
  type ClientReadableStream,
  type ClientUnaryCall,
  Metadata,
  type MethodDefinition,
  makeClientConstructor,
  type requestCallback,
} from "@grpc/grpc-js";

import serviceConfig from "./service_config.json" with { type: "json" };
import { isLocal } from "./target.js";
import { authorization, type Token } from "./token.js";

/** The options with which a channel to Ringback recovers quickly. */
export const channelOptions = {
  "grpc.service_config": JSON.stringify(serviceConfig),
  // As in transport.ts.
  "grpc.keepalive_time_ms": 20_000,
  "grpc.keepalive_timeout_ms": 10_000,
  "grpc.keepalive_permit_without_calls": 1,
  // By default a channel that could not connect refuses calls for up to two minutes.
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 1_000,
} as const satisfies ChannelOptions;

/** A service as grpc-js describes it, for `Server.addService` and `makeClientConstructor`. */
export type GrpcJsDefinition<Service extends DescService> = {
  [Name in keyof Service["method"]]: MethodDefinition<
    MessageShape<Service["method"][Name]["input"]>,
    MessageShape<Service["method"][Name]["output"]>
  >;
};

/** A client of grpc-js, with a method for each RPC of the service. */
export type GrpcJsClient<Service extends DescService> = Client & {
  [Name in keyof Service["method"]]: Call<Service["method"][Name]>;
};

type Call<Method> =
  Method extends DescMethodUnary<infer I, infer O>
    ? UnaryCall<MessageInitShape<I>, MessageShape<O>>
    : Method extends DescMethodServerStreaming<infer I, infer O>
      ? ServerStreamingCall<MessageInitShape<I>, MessageShape<O>>
      : never;

interface UnaryCall<I, O> {
  (request: I, callback: requestCallback<O>): ClientUnaryCall;
  (request: I, metadata: Metadata | CallOptions, callback: requestCallback<O>): ClientUnaryCall;
  (request: I, metadata: Metadata, options: CallOptions, callback: requestCallback<O>): ClientUnaryCall;
}

interface ServerStreamingCall<I, O> {
  (request: I, options?: CallOptions): ClientReadableStream<O>;
  (request: I, metadata: Metadata, options?: CallOptions): ClientReadableStream<O>;
}

/**
 * Makes a client of grpc-js, with `channelOptions` unless `options` say otherwise. To a Unix socket, this machine and a
 * private address it goes past the proxy that the environment names (`grpc_proxy`, `https_proxy`, `http_proxy`).
 */
export function grpcJsClient<Service extends DescService>(
  service: Service,
  address: string,
  credentials: ChannelCredentials,
  options: ChannelOptions = {},
): GrpcJsClient<Service> {
  const Constructor = makeClientConstructor(grpcJsDefinition(service), service.name);
  const pastProxies: ChannelOptions = isLocal(address) ? { "grpc.enable_http_proxy": 0 } : {};
  const client: unknown = new Constructor(address, credentials, { ...channelOptions, ...pastProxies, ...options });
  return client as GrpcJsClient<Service>;
}

/**
 * A bearer token as call credentials, for `credentials.combineChannelCredentials`. As with `ringbackTransport`, a function
 * such as `tokenFile(path)` is called for each try. grpc-js has no such credentials in plain text.
 */
export function bearerToken(token: Token): CallCredentials {
  return CallCredentials.createFromMetadataGenerator((_, callback) => {
    const metadata = authorization(token).then((value) => {
      const metadata = new Metadata();
      metadata.set("authorization", value);
      return metadata;
    });
    metadata.then((metadata) => callback(null, metadata), callback);
  });
}

/** Describes a service to grpc-js. The methods have the names that they have in the stubs, such as `getCallback`. */
export function grpcJsDefinition<Service extends DescService>(service: Service): GrpcJsDefinition<Service> {
  const methods = service.methods.map((method) => [method.localName, definitionOf(method)]);
  return Object.fromEntries(methods) as GrpcJsDefinition<Service>;
}

function definitionOf<I extends DescMethod["input"], O extends DescMethod["output"]>(
  method: DescMethod & { input: I; output: O },
): MethodDefinition<MessageShape<I>, MessageShape<O>> {
  const { methodKind, input, output } = method;
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    requestStream: methodKind === "client_streaming" || methodKind === "bidi_streaming",
    responseStream: methodKind === "server_streaming" || methodKind === "bidi_streaming",
    requestSerialize: serializer(input),
    requestDeserialize: (bytes) => fromBinary(input, bytes),
    responseSerialize: serializer(output),
    responseDeserialize: (bytes) => fromBinary(output, bytes),
  };
}

/** Takes what `create` takes, as the clients of Connect do. */
function serializer<Desc extends DescMethod["input"]>(schema: Desc) {
  return (message: MessageInitShape<Desc>) => Buffer.from(toBinary(schema, create(schema, message)));
}
