// The view Queues: figures of all services, what needs attention in words, and a row for each service.
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";

import { address, Link, setQuery, withQuery } from "../app/router.js";
import { asOf, zone } from "../live/clock.js";
import { queues, queuesComplete } from "../live/queues.js";
import { timeOfDay } from "../model/times.js";
import { parseQueuesQuery, type Struck } from "../model/views.js";
import { Empty, Loading } from "../parts/messages.js";
import { PriorityKey } from "../parts/priority.js";
import { StruckTokens } from "../parts/struck.js";
import { Figures } from "./figures.js";
import { QueueTable } from "./queue-table.js";
import { isNarrow } from "./sizes.js";
import { startToday } from "./today.js";
import { WallBoard } from "./wall-board.js";

export function QueuesView(): JSX.Element {
  useEffect(startToday, []);
  const pictures = queues.value;
  const isComplete = queuesComplete.value;
  if (!isComplete && pictures.size === 0) return <Loading text="Reading the queues." />;
  if (pictures.size === 0) return <NoService />;
  const query = parseQueuesQuery(address.value.query, isComplete ? new Set(pictures.keys()) : null);
  const struck = <StruckTokens tokens={query.struck} onRemove={removeFromAddress} />;
  // A phone has no wall.
  if (query.isWall && !isNarrow.value) return <WallBoard>{struck}</WallBoard>;
  return (
    <section class="queues" aria-label="Queues">
      <Figures />
      <div class="bar">
        <h1>
          Services <AsOf />
        </h1>
        <PriorityKey />
        {struck}
        <span class="sp" />
        <Link class="btn x3" to={withQuery({ wall: "1" })}>
          Wall board <kbd>w</kbd>
        </Link>
      </div>
      <QueueTable open={query.open} />
    </section>
  );
}

/** Marks a picture that is not of now. */
export function AsOf(): JSX.Element | null {
  const at = asOf.value;
  return at === null ? null : <span class="asof">as of {timeOfDay(at, zone)}</span>;
}

function removeFromAddress({ param, value }: Struck): void {
  const left = address
    .peek()
    .query.getAll(param)
    .find((each) => each !== value);
  setQuery({ [param]: left ?? null }, "replace");
}

function NoService(): JSX.Element {
  return (
    <Empty title="No service yet">
      <p>A service is the queue of agents that callbacks are made for. Describe yours in a file and apply it:</p>
      <p class="mono">ringback services apply services.yaml</p>
      <p class="sub">If there are services, your role may read none of them.</p>
    </Empty>
  );
}
