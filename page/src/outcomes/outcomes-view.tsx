// The view Outcomes: how attempts have ended, by the half hours of a range and by service.
import { useComputed } from "@preact/signals";
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import type { CallbackState } from "ringback/v1/callback_pb.js";
import type { Service } from "ringback/v1/directory_service_pb.js";

import { address, setQuery } from "../app/router.js";
import { now, zone } from "../live/clock.js";
import { queues, queuesComplete, serviceName } from "../live/queues.js";
import { halfHourOf } from "../model/half-hours.js";
import { endsOf, figuresOf, matrixOf, rangeHalfHours, type Range } from "../model/outcomes.js";
import { removing } from "../model/query-values.js";
import { ENDED_STATES } from "../model/states.js";
import type { Tally } from "../model/tally.js";
import { clockTime } from "../model/times.js";
import { parseOutcomesQuery, type Struck } from "../model/views.js";
import { stateLook, withCommas } from "../model/words.js";
import { Glyph } from "../parts/glyph.js";
import { Empty, Loading, Refused } from "../parts/messages.js";
import { StruckTokens } from "../parts/struck.js";
import { AsOf } from "../queues/queues-view.js";
import { OutcomeControls, RANGE_WORDS } from "./controls.js";
import { useLastWeek, useOutcomes } from "./counts.js";
import { Figure } from "./figure.js";
import { HalfHourTable } from "./half-hour-table.js";
import { Matrix } from "./matrix.js";

export function OutcomesView(): JSX.Element {
  const pictures = queues.value;
  const services = useMemo(() => [...pictures.values()].map(({ service }) => service), [pictures]);
  const query = parseOutcomesQuery(address.value.query, queuesComplete.value ? services : null);
  // Until the services are known an address may name one whose id is not known yet.
  const isKnown = queuesComplete.value || !address.value.query.has("service");
  const chosen = services.filter(({ serviceId }) => query.serviceIds.includes(serviceId));
  return (
    <section class="outcomes" aria-label="Outcomes">
      <div class="bar">
        <h1>
          Outcomes of attempts, last {RANGE_WORDS.get(query.range)} <AsOf />
        </h1>
        <StruckTokens tokens={query.struck} onRemove={removeFromAddress} />
        <span class="sp" />
        <OutcomeControls range={query.range} services={services} chosen={chosen} />
      </div>
      {isKnown ? (
        <Counts
          key={`${query.range} ${query.serviceIds.join(" ")}`}
          range={query.range}
          serviceIds={query.serviceIds}
          services={chosen.length > 0 ? chosen : services}
        />
      ) : (
        <Loading text="Reading the services." />
      )}
    </section>
  );
}

interface CountsProps {
  range: Range;
  serviceIds: readonly string[];
  /** Those that are counted, as far as they are known. */
  services: readonly Service[];
}

function Counts({ range, serviceIds, services }: CountsProps): JSX.Element {
  const feed = useOutcomes(range, serviceIds);
  const halfHour = useComputed(() => halfHourOf(now.value)).value;
  const lastWeek = useLastWeek(range, serviceIds, halfHour);
  const tally = feed.tally.value;
  const version = feed.version.value;
  // The tally changes in place; its version says when.
  const drawn = useMemo(
    () => (tally === null ? null : draw(tally, lastWeek, range, halfHour)),
    [tally, version, lastWeek, range, halfHour],
  );
  const refusal = feed.refusal.value;
  if (drawn === null) {
    return refusal === null ? (
      <Loading text="Reading the counts." />
    ) : (
      <Refused refusal={refusal} actions={again(feed)} />
    );
  }
  if (drawn.matrix.length === 0) return <NoAttempt range={range} />;
  return (
    <>
      {refusal !== null && <Refused refusal={refusal} title="The counts are not those of now" actions={again(feed)} />}
      <Summary
        times={drawn.times}
        ends={drawn.ends}
        hasLastWeek={drawn.figures.some((each) => each.lastWeek !== null)}
      />
      <div class="sm">
        {drawn.figures.map((figure) => (
          <Figure
            key={figure.outcome}
            figure={figure}
            times={drawn.times}
            attempts={drawn.attempts}
            services={services}
          />
        ))}
      </div>
      <h2 class="sub-h">By service</h2>
      <Matrix rows={drawn.matrix} nameOf={serviceName} />
      <HalfHourTable figures={drawn.figures} times={drawn.times} />
    </>
  );
}

function draw(tally: Tally, lastWeek: Tally | null, range: Range, halfHour: number) {
  // As many half hours as the range has at the beginning of this one: the first of them goes with it.
  const times = rangeHalfHours(range, halfHour);
  const figures = figuresOf(tally, lastWeek, times, zone);
  const attempts = figures.reduce((sum, figure) => sum + figure.total, 0);
  return { times, figures, attempts, matrix: matrixOf(tally, times), ends: endsOf(tally, times) };
}

function again(feed: { read: () => Promise<void> }): JSX.Element {
  return (
    <button type="button" class="prim" onClick={() => void feed.read()}>
      Read again
    </button>
  );
}

interface SummaryProps {
  times: readonly number[];
  ends: ReadonlyMap<CallbackState, number>;
  hasLastWeek: boolean;
}

/** What the charts mean, and how the callbacks have ended that these attempts were for. */
function Summary({ times, ends, hasLastWeek }: SummaryProps): JSX.Element {
  const since = clockTime(times[0] ?? 0, now.peek(), zone).slice(0, -3);
  const compared = hasLastWeek ? "the line is the week before" : "of the week before nothing was counted";
  return (
    <div class="ends">
      <p class="sub">
        Half-hour steps since {since}; {compared}; each chart has its own scale.
      </p>
      <p>
        Callbacks that ended:{" "}
        {ENDED_STATES.map((state) => (
          <span key={state} class="chip">
            <Glyph name={stateLook(state).glyph} />
            <b>{withCommas(ends.get(state) ?? 0)}</b> {stateLook(state).word}
          </span>
        ))}
      </p>
    </div>
  );
}

function NoAttempt({ range }: { range: Range }): JSX.Element {
  return (
    <Empty title={`No attempt in the last ${RANGE_WORDS.get(range) ?? ""}`}>
      <p>Nothing that was dialled has ended in this time. The counts of 15 days are kept.</p>
    </Empty>
  );
}

/** Take one value of a parameter out of the address. */
function removeFromAddress({ param, value }: Struck): void {
  const { query } = address.peek();
  if (param === "service") setQuery(removing(query, param, value), "replace");
  else setQuery({ [param]: query.getAll(param).find((each) => each !== value) ?? null }, "replace");
}
