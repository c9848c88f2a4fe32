import type { DescMethod } from "@bufbuild/protobuf";
import { Code, ConnectError, type Interceptor, type Transport } from "@connectrpc/connect";

import { type BackOff, delayMs, pause } from "./back-off.js";
import serviceConfig from "./service_config.json" with { type: "json" };

// gRPC has a service config, Connect has none. This does for Connect what the file asks for: deadlines and retries.

interface RetryPolicy {
  readonly maxAttempts: number;
  readonly initialBackoff: string;
  readonly maxBackoff: string;
  readonly backoffMultiplier: number;
  readonly retryableStatusCodes: readonly string[];
}

interface MethodConfig {
  readonly name: readonly { readonly service: string; readonly method?: string }[];
  readonly timeout?: string;
  readonly retryPolicy?: RetryPolicy;
}

const METHOD_CONFIGS: readonly MethodConfig[] = serviceConfig.methodConfig;

/** Gives each call the deadline of its method. A `timeoutMs` of the call's own can only shorten it. */
export function withDeadlines(transport: Transport): Transport {
  return {
    unary: (method, signal, timeoutMs, ...rest) =>
      transport.unary(method, signal, shortest(timeoutMs, configOf(method)?.timeout), ...rest),
    stream: (method, signal, timeoutMs, ...rest) =>
      transport.stream(method, signal, shortest(timeoutMs, configOf(method)?.timeout), ...rest),
  };
}

/**
 * Repeats unary calls that failed with a code which the service config lists, until the deadline. A repetition may do
 * again what was done already: give every create an `externalTaskId` or a `requestId`.
 */
export const retries: Interceptor = (next) => async (request) => {
  const policy = request.stream ? undefined : configOf(request.method)?.retryPolicy;
  for (let tries = 1; ; tries++) {
    try {
      return await next(request);
    } catch (error) {
      request.signal.throwIfAborted();
      if (!policy || tries >= policy.maxAttempts) throw error;
      if (!policy.retryableStatusCodes.includes(nameOf(ConnectError.from(error).code))) throw error;
      await pause(delayMs(tries, backOffOf(policy)), request.signal);
    }
  }
};

/** What the file says of a method: by its own name, or else by its service's. */
function configOf({ name, parent }: DescMethod): MethodConfig | undefined {
  const named = (method: string | undefined) =>
    METHOD_CONFIGS.find((config) =>
      config.name.some((entry) => entry.service === parent.typeName && entry.method === method),
    );
  return named(name) ?? named(undefined);
}

/** In milliseconds; 0, which is none for Connect, when neither is a limit. */
function shortest(timeoutMs: number | undefined, configured: string | undefined): number {
  const limits = [timeoutMs ?? 0, milliseconds(configured ?? "0s")].filter((limit) => limit > 0);
  return limits.length > 0 ? Math.min(...limits) : 0;
}

function backOffOf(policy: RetryPolicy): BackOff {
  return {
    firstMs: milliseconds(policy.initialBackoff),
    maxMs: milliseconds(policy.maxBackoff),
    multiplier: policy.backoffMultiplier,
  };
}

/** Of a duration as JSON has it, such as "0.1s". */
function milliseconds(duration: string): number {
  return Number.parseFloat(duration) * 1000;
}

/** The name of a code in the file, such as "RESOURCE_EXHAUSTED". */
function nameOf(code: Code): string {
  if (code === Code.Canceled) return "CANCELLED"; // which Connect spells with one L
  return Code[code].replace(/(?<=[a-z])[A-Z]/g, "_$&").toUpperCase();
}
