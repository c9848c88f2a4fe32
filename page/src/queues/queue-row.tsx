// One service: a row, and on a phone a card with its state and what can be done first.
import type { ComponentChildren, JSX } from "preact";
import { useMemo } from "preact/hooks";

import { ActButton, openPause, openResume, pending } from "../acts/acts.js";
import { Link } from "../app/router.js";
import { zone } from "../live/clock.js";
import {
  estimateOf,
  nameOf,
  needsAttention,
  oldestWait,
  slotWords,
  stateDetail,
  waitingOf,
  type Picture,
} from "../model/queue.js";
import { clockTime, fullTime, ms } from "../model/times.js";
import { answeredShare, percent } from "../model/today.js";
import { listPath } from "../model/views.js";
import { counted, queueLook, withCommas } from "../model/words.js";
import { Glyph } from "../parts/glyph.js";
import { PriorityStrip } from "../parts/priority.js";
import { SlotMeter } from "../parts/slot-meter.js";
import { Spark } from "../parts/spark.js";
import { Since } from "../parts/when.js";
import { IN_PROGRESS } from "./figures.js";
import { isNarrow } from "./sizes.js";
import { lastHours, roughNow, today } from "./today.js";

interface RowProps {
  picture: Picture;
  /** Its place among all rows of the table, from 1. */
  index: number;
  scale: number;
  isOpen: boolean;
  /** It has the tab stop of the table. */
  isStop: boolean;
  onToggle: (serviceId: string) => void;
}

/** A row whose picture is the same is not made again: there may be a thousand. */
export function QueueRow(props: RowProps): JSX.Element {
  const { picture, index, scale, isOpen, isStop } = props;
  return useMemo(() => <Row {...props} />, [picture, index, scale, isOpen, isStop]);
}

function Row({ picture, index, scale, isOpen, isStop, onToggle }: RowProps): JSX.Element {
  const { service, queue } = picture;
  const id = service.serviceId;
  const warned = needsAttention(picture);
  return (
    <tr data-id={id} aria-rowindex={index} class={[warned ? "warned" : "", isOpen ? "open" : ""].join(" ").trim()}>
      <th scope="row">
        <button
          type="button"
          class="name"
          data-cell
          tabIndex={isStop ? 0 : -1}
          aria-expanded={isOpen}
          onClick={() => onToggle(id)}
        >
          {nameOf(service)}
        </button>
        {service.displayName !== "" && <div class="sub mono">{service.sipAddress}</div>}
      </th>
      <td class="state">
        <StateCell picture={picture} />
      </td>
      <td class="num" data-l="Waiting">
        <CellLink to={listPath({ state: "QUEUED" }, service)} what="waiting">
          <b>{withCommas(waitingOf(queue))}</b>
        </CellLink>
      </td>
      <td class="lvls">
        <PriorityStrip waiting={queue.waiting} scale={scale} />
      </td>
      <td class="num" data-l="Oldest">
        <OldestCell picture={picture} />
      </td>
      <td data-l="In progress">
        <div class="capl">
          <CellLink to={listPath({ state: IN_PROGRESS }, service)} what="in progress">
            <b>{withCommas(queue.inProgress)}</b> of {withCommas(queue.capacity)}
          </CellLink>
          <SlotMeter queue={queue} />
        </div>
        <div class="sub x3">{slotWords(queue)}</div>
      </td>
      <td class="num" data-l="Estimate" title={queue.estimateBasis}>
        {estimateOf(picture)}
      </td>
      <td class="x2">
        <DialersCell picture={picture} />
      </td>
      <td class="num xq">
        <AnsweredCell serviceId={id} />
      </td>
      <td class="xq">
        <SparkCell serviceId={id} />
      </td>
    </tr>
  );
}

/** A link in a row: reached by the arrow keys, since the table is one tab stop. `what`: of what its number is. */
function CellLink({ to, what, children }: { to: string; what: string; children: ComponentChildren }): JSX.Element {
  return (
    <Link to={to} data-cell tabIndex={-1}>
      {children}
      <span class="vh"> {what}</span>
    </Link>
  );
}

/** The state in a chip, and below it since when and by whom. Its times are of one day or another, so it hears the clock. `unnamed`: without whom. */
export function StateCell({ picture, unnamed = false }: { picture: Picture; unnamed?: boolean }): JSX.Element {
  const { word, glyph, tone } = queueLook(picture.queue.state);
  const asked = pending.value.get(picture.service.serviceId);
  const shown = unnamed ? { ...picture, queue: { ...picture.queue, pausedBy: "" } } : picture;
  const detail = asked ?? stateDetail(shown, roughNow.value, zone);
  return (
    <>
      <span class={`chip ${tone}`}>
        <Glyph name={glyph} />
        {word}
      </span>
      {detail !== "" && (
        <div class="sub" title={detail}>
          {detail}
        </div>
      )}
      {isNarrow.value && <PauseButton picture={picture} />}
    </>
  );
}

export function PauseButton({ picture }: { picture: Picture }): JSX.Element {
  const isPaused = picture.service.paused;
  return (
    <span class="act">
      <ActButton rpc="UpdateService" onAct={() => (isPaused ? openResume(picture) : openPause(picture))}>
        {isPaused ? "Resume" : "Pause"}
      </ActButton>
    </span>
  );
}

function OldestCell({ picture }: { picture: Picture }): JSX.Element {
  const wait = oldestWait(picture, roughNow.value);
  if (wait === null) return <>—</>;
  return (
    <CellLink to={listPath({ state: "QUEUED", sort: "oldest" }, picture.service)} what="since the oldest is due">
      {wait.isLong ? (
        <b class="w-warn">
          <Since at={wait.at} />
        </b>
      ) : (
        <Since at={wait.at} />
      )}
    </CellLink>
  );
}

function DialersCell({ picture }: { picture: Picture }): JSX.Element {
  const { dialers, noDialerSince } = picture.queue;
  if (dialers > 0) return <>{withCommas(dialers)} ready</>;
  const since = ms(noDialerSince);
  return (
    <span class="w-warn" title={since === null ? undefined : `since ${fullTime(since, zone)}`}>
      <Glyph name="warn" /> none{since !== null && ` since ${clockTime(since, roughNow.value, zone)}`}
    </span>
  );
}

function AnsweredCell({ serviceId }: { serviceId: string }): JSX.Element {
  const ends = today.value?.get(serviceId);
  const share = ends === undefined ? null : answeredShare(ends);
  if (ends === undefined || share === null) return <>—</>;
  const all = ends.answered + ends.failed + ends.expired;
  const title = `${withCommas(ends.answered)} of ${counted(all, "callback")} that ended today, cancelled ones left out`;
  return <span title={title}>{percent(share)}</span>;
}

function SparkCell({ serviceId }: { serviceId: string }): JSX.Element | null {
  const hours = lastHours.value;
  if (hours === null) return null;
  const steps = hours.stepsOf(serviceId);
  const attempts = steps.reduce((sum, step) => sum + step.count, 0);
  return (
    <Spark
      steps={steps}
      from={hours.from}
      to={hours.to}
      sentence={`${counted(attempts, "attempt")} in the last hour`}
    />
  );
}
