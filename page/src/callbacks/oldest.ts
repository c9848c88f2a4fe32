// Which member is the oldest: looked for once in a few hundred times only.

/** As many of the oldest are found at once. */
const FOUND = 256;

export class Oldest {
  /** The least ids, the very least last. Every member with a smaller id than the first one is among them. */
  #ids: string[] = [];

  /** Return the least id of the members; "" where there are none. */
  of(members: ReadonlyMap<string, unknown>): string {
    for (;;) {
      const least = this.#ids.at(-1);
      if (least !== undefined && members.has(least)) return least;
      if (least === undefined) {
        if (members.size === 0) return "";
        this.#ids = [...members.keys()].sort().slice(0, FOUND).reverse();
      } else this.#ids.pop();
    }
  }

  /** Note a new member. */
  add(id: string): void {
    const [greatest] = this.#ids;
    if (greatest === undefined || id > greatest) return;
    const at = this.#ids.findLastIndex((other) => other >= id) + 1;
    if (this.#ids[at - 1] !== id) this.#ids.splice(at, 0, id);
  }

  clear(): void {
    this.#ids = [];
  }
}
