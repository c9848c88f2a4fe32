// What is shown of outcomes: which services, and how long ago.
import type { JSX, TargetedEvent } from "preact";
import type { Service } from "ringback/v1/directory_service_pb.js";

import { go, Link } from "../app/router.js";
import { type Range, RANGES } from "../model/outcomes.js";
import { nameOf } from "../model/queue.js";
import { outcomesPath } from "../model/views.js";

export const RANGE_WORDS: ReadonlyMap<Range, string> = new Map([
  ["1h", "1 h"],
  ["6h", "6 h"],
  ["24h", "24 h"],
  ["7d", "7 days"],
]);

interface ControlsProps {
  range: Range;
  services: readonly Service[];
  chosen: readonly Service[];
}

export function OutcomeControls({ range, services, chosen }: ControlsProps): JSX.Element {
  const several = chosen.length > 1;
  const choose = ({ currentTarget }: TargetedEvent<HTMLSelectElement>): void => {
    const service = services.find(({ serviceId }) => serviceId === currentTarget.value);
    go(outcomesPath(range, service === undefined ? [] : [service]));
  };
  return (
    <>
      <select aria-label="Services" value={several ? "several" : (chosen[0]?.serviceId ?? "")} onChange={choose}>
        <option value="">All services</option>
        {several && <option value="several">{chosen.map(nameOf).join(", ")}</option>}
        {services.map((service) => (
          <option key={service.serviceId} value={service.serviceId}>
            {nameOf(service)}
          </option>
        ))}
      </select>
      <nav class="ranges" aria-label="Range">
        {[...RANGES.keys()].map((each) => (
          <Link
            key={each}
            class="btn"
            to={outcomesPath(each, chosen)}
            aria-current={each === range ? "true" : undefined}
          >
            {RANGE_WORDS.get(each)}
          </Link>
        ))}
      </nav>
    </>
  );
}
