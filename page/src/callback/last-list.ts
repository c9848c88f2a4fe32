// The list that a person comes from: with its filter, and at its row.
import { effect } from "@preact/signals";

import { address } from "../app/router.js";

let last = "/ui/callbacks";

effect(() => {
  if (address.value.view === "callbacks") last = globalThis.location.pathname + globalThis.location.search;
});

/** Return the address of the list that was shown last. */
export function lastList(): string {
  return last;
}
