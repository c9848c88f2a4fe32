import { setTimeout as sleep } from "node:timers/promises";

/** How long to wait between tries: from `firstMs` on, `multiplier` times longer after each, up to `maxMs`. */
export interface BackOff {
  readonly firstMs: number;
  readonly maxMs: number;
  readonly multiplier: number;
}

/** The times of the helpers. Not exported from the package: only tests are in a hurry. */
export const pace = {
  firstMs: 100,
  maxMs: 5_000,
  multiplier: 2,
  minHeartbeatMs: 1_000,
  // A stream that lived as long began with valid credentials. When they end, a token file may have the next ones.
  renewableAfterMs: 60_000,
};

/** How long to wait after so many failures in a row, at least one. Jittered, so that clients don't return in step. */
export function delayMs(failures: number, { firstMs, maxMs, multiplier }: BackOff): number {
  const limitMs = Math.min(firstMs * multiplier ** (failures - 1), maxMs);
  return (limitMs / 2) * (1 + Math.random());
}

/** Rejects with the reason of `signal` as soon as that aborts. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => signal.throwIfAborted());
}
