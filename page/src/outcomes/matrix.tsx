// How the attempts of each service have ended.
import type { JSX } from "preact";
import { CallOutcome } from "ringback/v1/callback_pb.js";

import { type MatrixRow, OUTCOMES } from "../model/outcomes.js";
import { percent } from "../model/today.js";
import { outcomeLook, outcomeWord, withCommas } from "../model/words.js";
import { Glyph } from "../parts/glyph.js";

/** It is wide: on a phone it scrolls by itself, so it has a tab stop. */
export function Matrix({ rows, nameOf }: { rows: readonly MatrixRow[]; nameOf: (id: string) => string }): JSX.Element {
  const newer = [...new Set(rows.flatMap(({ counts }) => [...counts.keys()]))].filter(
    (each) => !OUTCOMES.includes(each),
  );
  const outcomes = [...OUTCOMES, ...newer.sort((a, b) => a - b)];
  const named = rows.map((row) => ({ ...row, name: nameOf(row.serviceId) }));
  named.sort((a, b) => NAMES.compare(a.name, b.name));
  return (
    <div class="mx-w" data-scrolls-sideways tabIndex={0} role="region" aria-label="Outcomes by service">
      <table class="mx">
        <thead>
          <tr>
            <th scope="col">Service</th>
            {outcomes.map((outcome) => (
              <th key={outcome} scope="col" class="num" title={outcomeWord(outcome)}>
                <Glyph name={outcomeLook(outcome).glyph} /> {SHORT.get(outcome) ?? outcomeWord(outcome)}
              </th>
            ))}
            <th scope="col" class="num">
              Answer rate
            </th>
          </tr>
        </thead>
        <tbody>
          {named.map(({ serviceId, name, counts, answeredShare }) => (
            <tr key={serviceId}>
              <th scope="row">{name}</th>
              {outcomes.map((outcome) => (
                <td key={outcome} class="num">
                  {counts.has(outcome) ? withCommas(counts.get(outcome) ?? 0) : <span class="sub">·</span>}
                </td>
              ))}
              <td class="num">
                <b>{percent(answeredShare)}</b>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const NAMES = new Intl.Collator("en", { numeric: true });

/** Columns are as narrow as their heads. */
const SHORT: ReadonlyMap<CallOutcome, string> = new Map([
  [CallOutcome.ANSWERED, "Answered"],
  [CallOutcome.NO_ANSWER, "No answer"],
  [CallOutcome.BUSY, "Busy"],
  [CallOutcome.MACHINE, "Machine"],
  [CallOutcome.UNREACHABLE, "Unreachable"],
  [CallOutcome.DECLINED, "Declined"],
  [CallOutcome.NETWORK_FAILURE, "Network"],
  [CallOutcome.ABANDONED, "Abandoned"],
  [CallOutcome.INVALID_NUMBER, "Invalid"],
  [CallOutcome.INTERRUPTED, "Interrupted"],
  [CallOutcome.BLOCKED, "Blocked"],
  [CallOutcome.NOT_AUTHORIZED, "Not authorized"],
]);
