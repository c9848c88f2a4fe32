// A small chart without axes: its numbers are in its sentence.
import type { JSX } from "preact";

import { SPARK_HEIGHT, SPARK_WIDTH, sparkOf, type Step } from "../model/chart.js";

export function Spark(props: {
  steps: readonly Step[];
  from: number;
  to: number;
  sentence: string;
}): JSX.Element | null {
  const path = sparkOf(props.steps, props.from, props.to);
  if (path === "") return null;
  return (
    <svg
      class="spark"
      viewBox={`0 0 ${SPARK_WIDTH} ${SPARK_HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={props.sentence}
    >
      <title>{props.sentence}</title>
      <path d={path} />
    </svg>
  );
}
