/** The drawings of numbers over time, as SVG path data. */

export const CHART_WIDTH = 240;
export const CHART_HEIGHT = 45;
const FLOOR = CHART_HEIGHT - 1;
const TOP = 4;
// What is not zero is seen, however large the rest.
const LEAST_HEIGHT = 1.2;
// One or two of something are no mountain.
const LEAST_SCALE = 4;

export interface Chart {
  /** The columns that are like every day's. */
  columns: string;
  /** The columns that stand out. */
  marked: string;
  /** The steps of the week before; empty without one. */
  line: string;
}

const round = (value: number): number => Math.round(value * 10) / 10;

/** Return the columns and steps of one figure. Both have one scale, up to the largest of them. */
export function chartOf(
  counts: readonly number[],
  unusual: readonly boolean[],
  lastWeek: readonly number[] | null,
): Chart {
  const largest = Math.max(LEAST_SCALE, ...counts, ...(lastWeek ?? []));
  const y = (count: number): number =>
    count === 0 ? FLOOR : round(FLOOR - Math.max(LEAST_HEIGHT, (count / largest) * (FLOOR - TOP)));
  const step = CHART_WIDTH / Math.max(1, counts.length);
  // Columns that are a pixel wide would be lost in their gaps.
  const width = counts.length > 100 ? step : step * 0.8;
  const chart: Chart = { columns: "", marked: "", line: "" };
  counts.forEach((count, i) => {
    if (count > 0) {
      const column = `M${round(i * step)} ${FLOOR}V${y(count)}H${round(i * step + width)}V${FLOOR}z`;
      chart[unusual[i] === true ? "marked" : "columns"] += column;
    }
  });
  lastWeek?.forEach((count, i) => {
    chart.line += `${i === 0 ? "M0 " : "V"}${y(count)}H${round((i + 1) * step)}`;
  });
  return chart;
}

/** Numbers of a time that differ in length. */
export interface Step {
  from: number;
  to: number;
  count: number;
}

export const SPARK_WIDTH = 72;
export const SPARK_HEIGHT = 20;

/** Return columns as wide as their times, and as high as their numbers per time. */
export function sparkOf(steps: readonly Step[], from: number, to: number): string {
  const rates = steps.map((step) => step.count / Math.max(1, step.to - step.from));
  const largest = Math.max(...rates, 0);
  if (largest === 0) {
    return "";
  }
  const x = (at: number): number => round(((Math.min(Math.max(at, from), to) - from) / (to - from)) * SPARK_WIDTH);
  return steps
    .map((step, i) => {
      const height = round(Math.max(1, ((rates[i] ?? 0) / largest) * SPARK_HEIGHT));
      const left = x(step.from);
      const right = Math.max(left + 1, x(step.to) - 1);
      return step.count === 0 ? "" : `M${left} ${SPARK_HEIGHT}v${-height}H${right}v${height}z`;
    })
    .join("");
}
