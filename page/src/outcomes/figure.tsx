// One outcome: its name and total, what stands out, and its half hours with those of the week before.
import type { JSX } from "preact";
import type { Service } from "ringback/v1/directory_service_pb.js";

import { now, zone } from "../live/clock.js";
import { CHART_HEIGHT, CHART_WIDTH, chartOf } from "../model/chart.js";
import {
  differenceWords,
  factWords,
  figureSentence,
  hourAndMinute,
  markWords,
  ticksOf,
} from "../model/outcome-words.js";
import { type OutcomeFigure, treatment } from "../model/outcomes.js";
import { outcomeLook, withCommas } from "../model/words.js";
import { Glyph } from "../parts/glyph.js";

interface FigureProps {
  figure: OutcomeFigure;
  times: readonly number[];
  /** All attempts of the range. */
  attempts: number;
  services: readonly Service[];
}

export function Figure({ figure, times, attempts, services }: FigureProps): JSX.Element {
  const { glyph, word } = outcomeLook(figure.outcome);
  const at = now.peek();
  return (
    <figure>
      <figcaption>
        <Glyph name={glyph} />
        {word}
        <b>{withCommas(figure.total)}</b>
      </figcaption>
      <p>
        <span>{factWords(figure, attempts, treatment(figure.outcome, services))}</span>
        {figure.mark !== null ? (
          <span class="up">
            <Glyph name="warn" /> {markWords(figure.mark, at, zone)}
          </span>
        ) : (
          figure.difference !== null && figure.difference !== 0 && <span>{differenceWords(figure.difference)}</span>
        )}
      </p>
      <ChartOf figure={figure} sentence={figureSentence(figure, sinceWords(times, at), at, zone)} />
      <div class="ax" aria-hidden="true">
        {ticksOf(times, at, zone).map(({ part, text }) => (
          <span key={part} style={{ left: `${part * 100}%` }}>
            {text}
          </span>
        ))}
        <span class="end">now</span>
      </div>
    </figure>
  );
}

function sinceWords(times: readonly number[], at: number): string {
  return `the time since ${hourAndMinute(times[0] ?? at, at, zone)}`;
}

function ChartOf({ figure, sentence }: { figure: OutcomeFigure; sentence: string }): JSX.Element {
  const { columns, marked, line } = chartOf(figure.counts, figure.unusual, figure.lastWeek);
  return (
    <svg
      class="ch"
      viewBox={`0 0 ${CHART_WIDTH} ${CHART_HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={sentence}
    >
      <path class="a" d={`M0 ${CHART_HEIGHT - 0.5}H${CHART_WIDTH}M0 4H${CHART_WIDTH}`} />
      <path class="b" d={columns} />
      <path class="h" d={marked} />
      <path class="l" d={line} />
    </svg>
  );
}
