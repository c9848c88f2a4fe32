// What opens below a row: the levels of its queue, and what can be done.
import type { JSX } from "preact";

import { Link } from "../app/router.js";
import type { QueuePicture } from "../live/queues.js";
import { levelsOf, nameOf, priorityName } from "../model/queue.js";
import { listPath, outcomesPath } from "../model/views.js";
import { priorityWord, withCommas } from "../model/words.js";
import { Since } from "../parts/when.js";
import { PauseButton } from "./queue-row.js";
import { isNarrow } from "./sizes.js";

export function LevelTable({ picture, columns }: { picture: QueuePicture; columns: number }): JSX.Element {
  const { service, queue } = picture;
  const levels = levelsOf(picture);
  return (
    <tr class="exp">
      <td colSpan={columns}>
        <div class="lev-w">
          <table class="lev">
            <thead>
              <tr>
                <th scope="col">{nameOf(service)} by priority</th>
                {levels.map(({ priority }) => (
                  <th key={priority} scope="col">
                    {priorityWord(priority)}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              <tr>
                <th scope="row">Waiting</th>
                {levels.map(({ priority, count }) => (
                  <td key={priority} data-l={priorityWord(priority)}>
                    {count === 0 ? (
                      "0"
                    ) : (
                      <Link to={listPath({ state: "QUEUED", priority: priorityName(priority) }, service)}>
                        {withCommas(count)}
                      </Link>
                    )}
                  </td>
                ))}
              </tr>
              <tr>
                <th scope="row">Oldest wait</th>
                {levels.map(({ priority, oldestAt }) => (
                  <td key={priority}>{oldestAt === null ? "—" : <Since at={oldestAt} />}</td>
                ))}
              </tr>
              <tr>
                <th scope="row">Share of the next grants</th>
                {levels.map(({ priority, share }) => (
                  <td key={priority}>{share}</td>
                ))}
              </tr>
            </tbody>
          </table>
        </div>
        {queue.estimateBasis !== "" && <p class="sub">{queue.estimateBasis}</p>}
        <p class="row">
          {!isNarrow.value && <PauseButton picture={picture} />}
          <Link class="btn" to={listPath({}, service)}>
            Its callbacks
          </Link>
          <Link class="btn" to={outcomesPath("24h", [service])}>
            Its outcomes
          </Link>
        </p>
      </td>
    </tr>
  );
}
