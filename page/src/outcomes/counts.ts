// The counts that the view shows: of its range, and of the same time a week before.
import { useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";

import { directory } from "../api/clients.js";
import { zone } from "../live/clock.js";
import { HALF_HOUR_MS, halfHourOf } from "../model/half-hours.js";
import { rangeHalfHours, type Range, weekBeforeEach } from "../model/outcomes.js";
import { Tally } from "../model/tally.js";
import { timestampOf } from "../model/times.js";
import { OutcomesFeed } from "./feed.js";

/** Feed the counts of a range while the component is mounted. The range and the services do not change meanwhile. */
export function useOutcomes(range: Range, serviceIds: readonly string[]): OutcomesFeed {
  const feed = useMemo(
    () => new OutcomesFeed({ from: (at) => rangeHalfHours(range, halfHourOf(at))[0] ?? at, serviceIds }),
    [],
  );
  useEffect(() => {
    feed.start();
    return () => feed.stop();
  }, [feed]);
  return feed;
}

/**
 * Read the counts of a week before, once for each half hour. Null until they are there, and when they could not be read:
 * nothing is compared then.
 */
export function useLastWeek(range: Range, serviceIds: readonly string[], halfHour: number): Tally | null {
  const found = useSignal<Tally | null>(null);
  useEffect(() => {
    const wanted = new AbortController();
    void readLastWeek(range, serviceIds, halfHour, wanted.signal).then((tally) => {
      if (!wanted.signal.aborted && tally !== null) found.value = tally;
    });
    return () => wanted.abort();
  }, [halfHour]);
  return found.value;
}

async function readLastWeek(
  range: Range,
  serviceIds: readonly string[],
  halfHour: number,
  signal: AbortSignal,
): Promise<Tally | null> {
  const before = weekBeforeEach(rangeHalfHours(range, halfHour), zone);
  try {
    const response = await directory.getOutcomes(
      {
        beginTime: timestampOf(Math.min(...before)),
        endTime: timestampOf(Math.max(...before) + HALF_HOUR_MS),
        serviceIds: [...serviceIds],
      },
      { signal },
    );
    return new Tally(response);
  } catch {
    // The counts of now are read with the same RPC, and say what is wrong.
    return null;
  }
}
