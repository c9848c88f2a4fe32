// How many are in each state, and which states are shown: pressed is shown.
import type { JSX } from "preact";
import { CallbackState } from "ringback/v1/callback_pb.js";

import { address, setQuery } from "../app/router.js";
import { serverNow } from "../live/clock.js";
import { parseFilter } from "../model/filter.js";
import { STATES } from "../model/states.js";
import { stateLook, withCommas } from "../model/words.js";
import { Glyph } from "../parts/glyph.js";
import { type List, list, usePaint } from "./list.js";

export function FacetBar(): JSX.Element {
  usePaint();
  const { states } = parseFilter(address.value.query, serverNow()).filter;
  const shown = new Set(states.length > 0 ? states : STATES);
  const counts = list.value && countsOf(list.value, shown);
  return (
    <div class="facets" role="group" aria-label="States">
      {STATES.map((state) => {
        const { word, glyph } = stateLook(state);
        return (
          <button
            key={state}
            type="button"
            class={state === CallbackState.COMPLETED ? "apart" : undefined}
            aria-pressed={shown.has(state)}
            onClick={() => toggle(state, shown)}
            onDblClick={() => show([state])}
            title={`${shown.has(state) ? "Shown" : "Not shown"}; a double click shows ${word} only`}
          >
            <Glyph name={glyph} />
            {word} <b>{counts?.get(state) ?? "–"}</b>
          </button>
        );
      })}
    </div>
  );
}

function toggle(state: CallbackState, shown: ReadonlySet<CallbackState>): void {
  show(STATES.filter((each) => shown.has(each) !== (each === state)));
}

/** All of them, or none, is no filter. */
function show(states: readonly CallbackState[]): void {
  const names = states.map((state) => CallbackState[state]);
  setQuery({ state: names.length === 0 || names.length === STATES.length ? null : names.join(",") });
}

/** Of the states that are shown, the rows themselves are counted: the two cannot differ then. */
export function countsOf({ picture, facets }: List, shown: ReadonlySet<CallbackState>): Map<CallbackState, string> {
  const counts = new Map<CallbackState, string>();
  for (const [state, { count, atLeast }] of facets.byState) counts.set(state, withCommas(count) + (atLeast ? "+" : ""));
  if (picture.reading.kind !== "complete" || picture.capped) return counts;
  const own = picture.rows.countByState();
  for (const state of shown) counts.set(state, withCommas(own.get(state) ?? 0));
  return counts;
}
