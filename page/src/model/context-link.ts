// A context URL as a link. Pure.

export interface ContextLink {
  href: string;
  /** Where it leads to, in the form that browsers compare: what looks like another host is seen. */
  host: string;
  rest: string;
}

/** Return a link for a URL with http or https; null for anything else, which is shown as text. */
export function contextLink(text: string): ContextLink | null {
  if (!/^https?:\/\//i.test(text)) return null;
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return null;
  }
  // "https://bank.example@evil.example/" looks like another host.
  if (!(url.protocol === "http:" || url.protocol === "https:") || url.username !== "" || url.password !== "")
    return null;
  return { href: url.href, host: url.host, rest: `${url.pathname}${url.search}${url.hash}`.replace(/^\/$/, "") };
}
