// A priority as bars: as many as its level is high, and a solid block for the strict one. The word stands beside it.
import type { JSX } from "preact";
import { Priority } from "ringback/v1/callback_pb.js";

import { priorityWord } from "../model/words.js";

const BARS = 7;

export function LevelBars({ priority }: { priority: Priority }): JSX.Element {
  const strict = priority === Priority.STRICT_PRIORITY;
  const filled = strict ? BARS : Math.max(Priority.LOWEST + 1 - priority, 0);
  return (
    <span class="level" title={priorityWord(priority)}>
      <span class={strict ? "bars strict" : "bars"} aria-hidden="true">
        {Array.from({ length: BARS }, (_, index) => (
          <i key={index} class={index < filled ? `h${String(index)}` : `h${String(index)} o`} />
        ))}
      </span>
      <span class="level-word">{priorityWord(priority)}</span>
    </span>
  );
}
