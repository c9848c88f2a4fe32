// How far this machine's clock is from the server's.

// A response that was held up on its way makes the server's clock look late, never early: of several, the largest
// difference is the best.
const SAMPLES = 8;
// Beyond that, one of the clocks was set.
const JUMP_MS = 5_000;

export class ClockSkew {
  readonly #samples: number[] = [];
  #late = 0;

  /** What to add to this machine's clock. */
  get offset(): number {
    return this.#samples.length ? Math.max(...this.#samples) : 0;
  }

  /** Add a difference: the server's clock, as it was told, less this machine's when that was heard. */
  add(difference: number): void {
    // One late response is the network. Several in a row are a clock that was set back.
    this.#late = this.offset - difference > JUMP_MS ? this.#late + 1 : 0;
    if (this.#late > 2 || difference - this.offset > JUMP_MS) this.#samples.length = 0;
    this.#samples.push(difference);
    if (this.#samples.length > SAMPLES) this.#samples.shift();
  }
}
