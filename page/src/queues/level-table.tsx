// What opens below a row: the levels of its queue, and what can be done.
import type { JSX } from "preact";
import type { Service } from "ringback/v1/directory_service_pb.js";

import { Link } from "../app/router.js";
import { type Level, levelsOf, nameOf, priorityName, type Picture } from "../model/queue.js";
import { listPath, outcomesPath } from "../model/views.js";
import { priorityWord, withCommas } from "../model/words.js";
import { Since } from "../parts/when.js";
import { PauseButton } from "./queue-row.js";
import { isNarrow } from "./sizes.js";

export function LevelTable({ picture, columns }: { picture: Picture; columns: number }): JSX.Element {
  const { service, queue } = picture;
  const Levels = isNarrow.value ? LevelsDown : LevelsAcross;
  return (
    <tr class="exp">
      <td colSpan={columns}>
        <Levels levels={levelsOf(picture)} service={service} />
        {queue.estimateBasis !== "" && <p class="sub">{queue.estimateBasis}</p>}
        <p class="row">
          {!isNarrow.value && <PauseButton picture={picture} />}
          <Link class="btn" to={listPath({}, service)}>
            Show its callbacks
          </Link>
          <Link class="btn" to={outcomesPath("24h", [service])}>
            Show its outcomes
          </Link>
        </p>
      </td>
    </tr>
  );
}

interface LevelsProps {
  levels: readonly Level[];
  service: Service;
}

const FACTS: { name: string; cell: (level: Level, service: Service) => JSX.Element }[] = [
  { name: "Waiting", cell: (level, service) => <WaitingCell level={level} service={service} /> },
  { name: "Oldest wait", cell: ({ oldestAt }) => (oldestAt === null ? <>—</> : <Since at={oldestAt} />) },
  { name: "Share of the next grants", cell: ({ share }) => <>{share}</> },
];

function WaitingCell({ level, service }: { level: Level; service: Service }): JSX.Element {
  if (level.count === 0) return <>0</>;
  const path = listPath({ state: "QUEUED", priority: priorityName(level.priority) }, service);
  return <Link to={path}>{withCommas(level.count)}</Link>;
}

function LevelsAcross({ levels, service }: LevelsProps): JSX.Element {
  return (
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
        {FACTS.map(({ name, cell }) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            {levels.map((level) => (
              <td key={level.priority}>{cell(level, service)}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** A line for each level, where nine columns would not be seen at once. */
function LevelsDown({ levels, service }: LevelsProps): JSX.Element {
  return (
    <table class="lev">
      <thead>
        <tr>
          <th scope="col">Priority</th>
          {FACTS.map(({ name }) => (
            <th key={name} scope="col">
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {levels.map((level) => (
          <tr key={level.priority}>
            <th scope="row">{priorityWord(level.priority)}</th>
            {FACTS.map(({ name, cell }) => (
              <td key={name}>{cell(level, service)}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
