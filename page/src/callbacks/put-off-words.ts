// "14 new, 1 has left this filter": what is put off, so that rows keep their places.
import { withCommas } from "../model/words.js";
import type { PutOff } from "./rows.js";

/** Pure; "" where nothing is put off. */
export function putOffWords({ fresh, left, moved }: PutOff): string {
  const parts: string[] = [];
  if (fresh > 0) parts.push(`${withCommas(fresh)} new`);
  if (left > 0) parts.push(`${withCommas(left)} ${left === 1 ? "has" : "have"} left this filter`);
  if (moved > 0) parts.push(`${withCommas(moved)} would stand elsewhere`);
  return parts.join(", ");
}
