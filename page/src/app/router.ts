// The address is the state: what a person chose is in it, and nothing else is.
import { computed, type ReadonlySignal, signal } from "@preact/signals";
import { h, type JSX, type TargetedMouseEvent } from "preact";

import { type Address, parseAddress } from "../model/address.js";

export type { Address, View } from "../model/address.js";

const current = signal<Address>(read());

export const address: ReadonlySignal<Address> = computed(() => current.value);

function read(): Address {
  return parseAddress(globalThis.location.pathname, globalThis.location.search);
}

/** Follow the browser's back and forward. */
export function startRouter(): void {
  addEventListener("popstate", () => (current.value = read()));
}

/** Go to an address of the page, such as "/ui/queues?wall=1". */
export function go(path: string, how: "push" | "replace" = "push"): void {
  const here = globalThis.location.pathname + globalThis.location.search;
  // A link to what is shown already is no step back.
  if (how === "replace" || path === here) history.replaceState(null, "", path);
  else history.pushState(null, "", path);
  current.value = read();
}

/** Change parameters of the address: null takes one out. Typing replaces, choosing pushes. */
export function setQuery(change: Record<string, string | null>, how: "push" | "replace" = "push"): void {
  go(withQuery(change), how);
}

/** The address with other parameters, for links. */
export function withQuery(change: Record<string, string | null>): string {
  const query = new URLSearchParams(current.peek().query);
  for (const [name, value] of Object.entries(change)) {
    if (value === null) query.delete(name);
    else query.set(name, value);
  }
  const { pathname } = globalThis.location;
  // Readable, where the grammar of a query allows it (RFC 3986, 3.4).
  const text = query.toString().replaceAll("%3A", ":").replaceAll("%40", "@").replaceAll("%2C", ",");
  return text ? `${pathname}?${text}` : pathname;
}

type LinkProps = Omit<JSX.IntrinsicElements["a"], "href"> & { to: string };

/** A link within the page. With a modifier or another button it is the browser's own. */
export function Link({ to, onClick, ...rest }: LinkProps): JSX.Element {
  return h("a", {
    ...rest,
    href: to,
    onClick: (event: TargetedMouseEvent<HTMLAnchorElement>) => {
      if (typeof onClick === "function") onClick(event);
      if (event.defaultPrevented || event.button !== 0) return;
      if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
      event.preventDefault();
      go(to);
    },
  });
}
