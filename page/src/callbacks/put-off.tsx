// What is put off, so that rows keep their places: "14 new, 1 has left this filter. Show them".
import { signal } from "@preact/signals";
import type { JSX } from "preact";

import { useEffect } from "preact/hooks";

import { withCommas } from "../model/words.js";
import { Glyph } from "../parts/glyph.js";
import { usePaint, showAll } from "./list.js";
import { putOffWords } from "./put-off-words.js";
import type { Rows } from "./rows.js";

/** Announced at most so often. */
const SAY_MS = 10_000;

export function PutOffLine({ rows }: { rows: Rows }): JSX.Element | null {
  usePaint();
  const words = putOffWords(rows.putOff);
  if (!words) return null;
  return (
    <p class="put-off">
      <Glyph name="plus" /> {words}.{" "}
      <button type="button" class="plain" onClick={showAll}>
        Show them
      </button>{" "}
      <kbd>.</kbd>
    </p>
  );
}

const said = signal("");

/** For screen readers: the number of new ones, not each of them. */
export function PutOffStatus({ rows }: { rows: Rows }): JSX.Element {
  useEffect(() => {
    let before = "";
    const timer = setInterval(() => {
      const { fresh } = rows.putOff;
      const words = fresh > 0 ? `${withCommas(fresh)} new` : "";
      if (words !== before) said.value = before = words;
    }, SAY_MS);
    return () => {
      clearInterval(timer);
      said.value = "";
    };
  }, [rows]);
  return (
    <p class="vh" role="status">
      {said}
    </p>
  );
}
