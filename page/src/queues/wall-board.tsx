// The wall board: the queues, to be read from four metres, all day, by people who touch nothing.
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

import { Link, withQuery } from "../app/router.js";
import { now, zone } from "../live/clock.js";
import { link } from "../live/connection.js";
import { queues } from "../live/queues.js";
import { estimateOf, nameOf, needsAttention, oldestWait, slotWords, waitingOf, type Picture } from "../model/queue.js";
import { stripScale } from "../model/strip.js";
import { timeOfDay, zoneCity } from "../model/times.js";
import { dayWords, leftOutWords, shownOnWall, type WallLayout, wallLayout } from "../model/wall.js";
import { withCommas } from "../model/words.js";
import { Glyph } from "../parts/glyph.js";
import { PriorityStrip } from "../parts/priority.js";
import { SlotMeter } from "../parts/slot-meter.js";
import { Since } from "../parts/when.js";
import { Attention, Figures } from "./figures.js";
import { StateCell } from "./queue-row.js";
import { countsOf } from "./queue-table.js";
import { useScreenOn } from "./screen-on.js";
import { useRemWidth } from "./sizes.js";
import { roughNow } from "./today.js";

/** `children`: what is wrong with the address. */
export function WallBoard({ children }: { children: ComponentChildren }): JSX.Element {
  const pictures = [...queues.value.values()];
  const table = useRef<HTMLTableElement>(null);
  const { rows } = useWallLayout(table, pictures.length);
  useScreenOn();
  const shown = shownOnWall(pictures, rows);
  const width = useRemWidth(table, "td.lvls", shown[0]?.service.serviceId ?? "");
  const scale = stripScale(shown.map(countsOf), width);
  const leftOut = leftOutWords(pictures, shown);
  return (
    <section class="queues wall" aria-label="Wall board">
      <h1 class="vh">Wall board</h1>
      <Lost />
      <div class="wall-top">
        <Figures attention={false} />
        <div class="wall-clock">
          <b>{timeOfDay(now.value, zone)}</b>
          <span>
            {dayWords(now.value, zone)}, {zoneCity(zone)}
          </span>
          <Link class="x3" to={withQuery({ wall: null })}>
            Leave the wall board <kbd>w</kbd>
          </Link>
        </div>
      </div>
      {children}
      <dl class="wall-attention">
        <Attention />
      </dl>
      <table class="q" ref={table}>
        <caption class="vh">Services by name</caption>
        <thead>
          <tr>
            <th scope="col">Service</th>
            <th scope="col">State</th>
            <th scope="col" class="num">
              Waiting
            </th>
            <th scope="col" class="lvls">
              By priority
            </th>
            <th scope="col" class="num">
              Oldest wait
            </th>
            <th scope="col">In progress</th>
            <th scope="col" class="num">
              Estimated wait
            </th>
          </tr>
        </thead>
        <tbody>
          {shown.map((picture) => (
            <WallRow key={picture.service.serviceId} picture={picture} scale={scale} />
          ))}
        </tbody>
      </table>
      {leftOut !== "" && <p class="quiet-note">{leftOut}</p>}
    </section>
  );
}

function WallRow({ picture, scale }: { picture: Picture; scale: number }): JSX.Element {
  const { service, queue } = picture;
  const wait = oldestWait(picture, roughNow.value);
  return (
    <tr class={needsAttention(picture) ? "warned" : ""}>
      <th scope="row">
        <span class="name">{nameOf(service)}</span>
      </th>
      <td class="state">
        <StateCell picture={picture} unnamed />
      </td>
      <td class="num" data-l="Waiting">
        <b>{withCommas(waitingOf(queue))}</b>
      </td>
      <td class="lvls">
        <PriorityStrip waiting={queue.waiting} scale={scale} />
      </td>
      <td class="num" data-l="Oldest">
        {wait === null ? (
          "—"
        ) : (
          <b class={wait.isLong ? "w-warn" : ""}>
            <Since at={wait.at} />
          </b>
        )}
      </td>
      <td data-l="In progress">
        <div class="capl">
          <span>
            <b>{withCommas(queue.inProgress)}</b> of {withCommas(queue.capacity)}
          </span>
          <SlotMeter queue={queue} />
        </div>
        <div class="sub">{slotWords(queue)}</div>
      </td>
      <td class="num" data-l="Estimate">
        {estimateOf(picture)}
      </td>
    </tr>
  );
}

/** Nobody stands near enough to read a strip: that the picture is old is as large as what it says. */
function Lost(): JSX.Element | null {
  const state = link.value;
  const since = state.kind === "lost" || (state.kind === "connecting" && state.wasLost) ? state.since : null;
  if (since === null) return null;
  return (
    <p class="wall-lost" role="alert">
      <Glyph name="s-failed" /> Disconnected since {timeOfDay(since, zone)}. This is the picture of then.
    </p>
  );
}

/** Has the text as large as the window lets it, while the wall board is shown. */
function useWallLayout(table: { current: HTMLTableElement | null }, services: number): WallLayout {
  const [window, setWindow] = useState({ width: innerWidth, height: innerHeight });
  // More or fewer lines of what needs attention.
  const [abovePx, setAbovePx] = useState<number | undefined>(undefined);
  const layout = wallLayout(window.width, window.height, services, abovePx);
  useLayoutEffect(() => {
    const update = (): void => setWindow({ width: innerWidth, height: innerHeight });
    addEventListener("resize", update);
    return () => removeEventListener("resize", update);
  }, []);
  useLayoutEffect(() => {
    const { style } = document.documentElement;
    style.fontSize = `${layout.remPx}px`;
    style.setProperty("--wall-row", `${layout.rowRem}rem`);
    const body = table.current?.tBodies[0];
    const board = body?.closest(".wall");
    if (body && board) setAbovePx(Math.ceil(body.getBoundingClientRect().top - board.getBoundingClientRect().top));
  });
  useEffect(() => () => document.documentElement.removeAttribute("style"), []);
  return layout;
}
