// The charts as numbers: for screen readers, and to copy from.
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";

import { now, zone } from "../live/clock.js";
import { hourAndMinute } from "../model/outcome-words.js";
import type { OutcomeFigure } from "../model/outcomes.js";
import { isoTime } from "../model/times.js";
import { outcomeWord, withCommas } from "../model/words.js";

interface TableProps {
  figures: readonly OutcomeFigure[];
  times: readonly number[];
}

export function HalfHourTable({ figures, times }: TableProps): JSX.Element {
  const isOpen = useSignal(false);
  return (
    <details class="halves" onToggle={({ currentTarget }) => (isOpen.value = currentTarget.open)}>
      <summary>The charts as a table</summary>
      {/* A week is 337 rows: they are made when somebody reads them. */}
      {isOpen.value && (
        <div class="mx-w" data-scrolls-sideways tabIndex={0} role="region" aria-label="Outcomes by half hour">
          <Table figures={figures.filter(({ total }) => total > 0)} times={times} />
        </div>
      )}
    </details>
  );
}

function Table({ figures, times }: TableProps): JSX.Element {
  return (
    <table class="mx">
      <caption class="vh">Attempts by the half hour in which they ended, the newest first</caption>
      <thead>
        <tr>
          <th scope="col">Half hour from</th>
          {figures.map(({ outcome }) => (
            <th key={outcome} scope="col" class="num">
              {outcomeWord(outcome)}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {times.map((_, k) => {
          const i = times.length - 1 - k;
          const at = times[i] ?? 0;
          return (
            <tr key={at}>
              <th scope="row">
                <time dateTime={isoTime(at)}>{hourAndMinute(at, now.peek(), zone)}</time>
              </th>
              {figures.map(({ outcome, counts }) => (
                <td key={outcome} class="num">
                  {withCommas(counts[i] ?? 0)}
                </td>
              ))}
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
