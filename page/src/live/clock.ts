// The server's clock, by which everything on the page is told. It ticks once a second while the page is live and seen,
// and stands still at the moment of a disconnect.
import { batch, computed, type ReadonlySignal, signal } from "@preact/signals";

import { ClockSkew } from "./skew.js";

/** The zone of every time on the page; opening hours alone are told in that of their service. */
export const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

const NOTABLE_MS = 200;

const skew = new ClockSkew();
const ticked = signal(Date.now());
const frozen = signal<number | null>(null);

/** Milliseconds since 1970 on the server's clock. */
export const now: ReadonlySignal<number> = computed(() => frozen.value ?? ticked.value);
/** Not null while the connection is lost: what is shown is as of then. */
export const asOf: ReadonlySignal<number | null> = computed(() => frozen.value);

/** The server's clock at this moment, also between two ticks. */
export function serverNow(): number {
  return frozen.peek() ?? Date.now() + skew.offset;
}

/** Take what the server's clock said when this machine's clock said `at`. */
export function hearClock(serverTime: number, at: number): void {
  const before = skew.offset;
  skew.add(serverTime - at);
  // What has been shown until now was told by another clock.
  if (Math.abs(skew.offset - before) > NOTABLE_MS) run();
}

/** Stand still at a moment, or tick again. */
export function freeze(since: number | null): void {
  if (frozen.peek() === since) return;
  batch(() => {
    frozen.value = since;
    tick();
  });
}

let timer: ReturnType<typeof setTimeout> | undefined;

/** Tick from now on. Hidden pages do not: they are right again when they are seen. */
export function startClock(): void {
  document.addEventListener("visibilitychange", run);
  run();
}

function run(): void {
  clearTimeout(timer);
  if (document.visibilityState !== "visible") return;
  tick();
  // With the beginning of the server's next second, so that all tabs of all screens change together.
  timer = setTimeout(run, 1000 - (ticked.peek() % 1000));
}

function tick(): void {
  ticked.value = Date.now() + skew.offset;
}
