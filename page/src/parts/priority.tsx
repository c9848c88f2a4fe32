// The nine priorities in a strip of tiles, and the key to their shades. The tiles are told apart by their order and the
// counts inside; the shades only help.
import type { JSX } from "preact";
import type { Priority } from "ringback/v1/callback_pb.js";
import type { PriorityCount } from "ringback/v1/directory_service_pb.js";

import { LEVELS } from "../model/queue.js";
import { tileWidth } from "../model/strip.js";
import { priorityWord, withCommas } from "../model/words.js";

/** How many wait on each level, in rem per callback: one scale for all strips of a table. */
export function PriorityStrip({ waiting, scale }: { waiting: readonly PriorityCount[]; scale: number }): JSX.Element {
  const levels = waiting.filter((level) => level.count > 0);
  if (levels.length === 0) return <span class="off">nobody waiting</span>;
  const sentence = levels
    .map(({ priority, count }) => `${withCommas(count)} ${priorityWord(priority).toLowerCase()}`)
    .join(", ");
  return (
    <div class="pri" role="img" aria-label={sentence} title={sentence}>
      {levels.map(({ priority, count }) => (
        <i key={priority} class={shadeOf(priority)} style={{ width: `${tileWidth(count, scale)}rem` }}>
          {withCommas(count)}
        </i>
      ))}
    </div>
  );
}

export function PriorityKey(): JSX.Element {
  return (
    <ul class="key" aria-label="Priorities from first to last">
      {LEVELS.map((priority) => (
        <li key={priority}>
          <i class={shadeOf(priority)} />
          {priorityWord(priority)}
        </li>
      ))}
    </ul>
  );
}

/** The class of a level's shade; a level that a newer server has is outlined. */
function shadeOf(priority: Priority): string {
  const place = LEVELS.indexOf(priority);
  return `k${place < 0 ? LEVELS.length - 1 : place}`;
}
