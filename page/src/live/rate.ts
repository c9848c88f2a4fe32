// How many changes a second there were of late.
const WINDOW_MS = 5_000;

export class Rate {
  #counts: { count: number; at: number }[] = [];

  add(count: number, at: number): void {
    if (count) this.#counts.push({ count, at });
  }

  /** Changes a second over the last five seconds, to a whole number; 1 for less than that, 0 for none. */
  at(now: number): number {
    this.#counts = this.#counts.filter(({ at }) => now - at < WINDOW_MS);
    const all = this.#counts.reduce((sum, { count }) => sum + count, 0);
    return all ? Math.max(1, Math.round((all * 1000) / WINDOW_MS)) : 0;
  }
}
