// Texts of other people within a sentence of the page. Pure.

// Letters that are read from right to left, and what turns round or ends the direction of a text.
const TURNS =
  /[\u0590-\u08ff\u200e\u200f\u2028-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufeff\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;
// With these it could leave its isolate, or have one go on behind it.
const LEAVES = /[\u2028\u2029\u2066-\u2069]/gu;

/** Return a text so that it does not turn round what stands beside it; as it is, where it could not. */
export function isolated(text: string): string {
  return TURNS.test(text) ? `\u2068${text.replace(LEAVES, "")}\u2069` : text;
}
