// The server's sentence about where a callback stands, split for the reason box. Pure.

import { rewriteMoments } from "./plain-spans.js";

/** Return what is set in bold, "Position 4 of 23 in Sales.", and the rest, with moments as the page writes them. */
export function reasonWords(
  explanation: string,
  service: string,
  clock: (at: number) => string,
): { lead: string; rest: string } {
  const words = rewriteMoments(explanation.trim(), clock);
  const place = /^(Position [^.]*)\.(?:\s+|$)/i.exec(words);
  const rest = sentence(place === null ? words : words.slice(place[0].length));
  return { lead: place === null ? "" : `${place[1] ?? ""} in ${service}.`, rest };
}

/** Servers of version 0.1 send half a sentence. */
function sentence(words: string): string {
  if (words === "") return "";
  const begun = words.charAt(0).toUpperCase() + words.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}
