// A telephone number in groups, as people read one aloud. The groups are of this page; the digits are the server's.
import { COUNTRY_CODE } from "./mask.js";

/** Return the parts of a target that are set apart: "+1", "202", "555", "0172" of `tel:+12025550172`. */
export function targetGroups(target: string): string[] {
  if (!target.startsWith("tel:")) return [target];
  const [number = "", ...parameters] = target.slice("tel:".length).split(";");
  const extension = parameters.map((parameter) => `;${parameter}`);
  // Masked by the server: it has groups already.
  if (!/^\+\d+$/.test(number)) return [number, ...extension];
  const code = COUNTRY_CODE.exec(number.slice(1))?.[0] ?? "";
  return [`+${code}`, ...groupsOf(number.slice(1 + code.length), code === "1" ? 3 : 0), ...extension];
}

/** In threes, the last of three or four; a number of six or fewer in two. */
function groupsOf(digits: string, first: number): string[] {
  const groups: string[] = [];
  let left = digits;
  const size = first || (digits.length <= 8 ? 4 : 3);
  while (left.length > size + 1) {
    groups.push(left.slice(0, size));
    left = left.slice(size);
  }
  return left ? [...groups, left] : groups;
}
