// The figures of all services together, each with the callbacks that it counts, and what needs attention.
import type { ComponentChildren, JSX } from "preact";

import { Link, withQuery } from "../app/router.js";
import { now, zone } from "../live/clock.js";
import { queues } from "../live/queues.js";
import { attentionCount, attentionOf, namedOf, stateDetail, totalsOf } from "../model/queue.js";
import { clockTime } from "../model/times.js";
import { answeredShare, percent, sumOf, type Today } from "../model/today.js";
import { listPath } from "../model/views.js";
import { counted, withCommas } from "../model/words.js";
import { Glyph } from "../parts/glyph.js";
import { Since } from "../parts/when.js";
import { today, todayBegin, todayRefusal } from "./today.js";

export const IN_PROGRESS = "OFFERED,DIALING,CONNECTED,CANCELLING";

export function Figures({ attention = true }: { attention?: boolean }): JSX.Element {
  const totals = totalsOf(queues.value.values());
  return (
    <dl class="figs">
      <Figure name="Waiting" to={listPath({ state: "QUEUED" })}>
        {withCommas(totals.waiting)}
      </Figure>
      <Figure name="Oldest wait" to={listPath({ state: "QUEUED", sort: "oldest" })}>
        {totals.oldestAt === null ? "—" : <Since at={totals.oldestAt} />}
      </Figure>
      <Figure name="In progress" to={listPath({ state: IN_PROGRESS })}>
        {withCommas(totals.inProgress)} <small>of {withCommas(totals.capacity)}</small>
      </Figure>
      <Figure name="Due in the next hour" to={listPath({ state: "SCHEDULED", sort: "next" })}>
        {withCommas(totals.dueWithinHour)}
      </Figure>
      <TodayFigures />
      {attention && <Attention />}
    </dl>
  );
}

/** What has ended since midnight, by the reader's clock. */
function TodayFigures(): JSX.Element {
  const ends = today.value === null ? null : sumOf(today.value.values());
  const since = new Date(todayBegin.value).toISOString().replace(".000", "");
  const title = todayTitle(ends);
  const share = ends === null ? null : answeredShare(ends);
  return (
    <>
      <Figure
        name="Answered today"
        to={listPath({ state: "COMPLETED", ended_after: since, sort: "ended" })}
        title={title}
      >
        {ends === null ? "—" : withCommas(ends.answered)} {share !== null && <small>{percent(share)}</small>}
      </Figure>
      <Figure
        name="Failed or expired today"
        to={listPath({ state: "FAILED,EXPIRED", ended_after: since, sort: "ended" })}
        title={title}
      >
        {ends === null ? "—" : withCommas(ends.failed + ends.expired)}{" "}
        {share !== null && <small>{percent(1 - share)}</small>}
      </Figure>
    </>
  );
}

function todayTitle(ends: Today | null): string {
  const refusal = todayRefusal.value;
  if (ends === null) return refusal === null ? "Not counted yet" : `Not known: ${refusal.code}. ${refusal.message}`;
  const since = clockTime(todayBegin.value, now.peek(), zone);
  return `${withCommas(ends.answered)} COMPLETED, ${withCommas(ends.failed)} FAILED, ${withCommas(ends.expired)} EXPIRED since ${since}`;
}

function Figure(props: { name: string; to: string; title?: string; children: ComponentChildren }): JSX.Element {
  return (
    <div>
      <dt>{props.name}</dt>
      <dd>
        <Link to={props.to} title={props.title}>
          {props.children}
        </Link>
      </dd>
    </div>
  );
}

/** What needs attention, in words. Each leads to the row that says why. */
export function Attention(): JSX.Element {
  const { attention } = totalsOf(queues.value.values());
  const { named, others } = namedOf(attention);
  return (
    <div class={attention.length > 0 ? "att" : "att none"}>
      <dt>{attentionCount(attention.length, queues.value.size)}</dt>
      <dd>
        {attention.length > 0 && <Glyph name="warn" />}
        <ul>
          {named.map((picture) => (
            <li key={picture.service.serviceId}>
              <Link
                to={withQuery({ open: picture.service.serviceId, wall: null })}
                title={stateDetail(picture, now.peek(), zone)}
              >
                {attentionOf(picture)}
              </Link>
            </li>
          ))}
          {others > 0 && <li>and {counted(others, "other")}</li>}
        </ul>
      </dd>
    </div>
  );
}
