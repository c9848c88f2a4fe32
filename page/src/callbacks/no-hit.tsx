// Nothing is selected: which one filter hides most.
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";

import { callbacks } from "../api/clients.js";
import { setQuery } from "../app/router.js";
import { serverNow } from "../live/clock.js";
import { type Parsed, parseFilter } from "../model/filter.js";
import { removing } from "../model/query-values.js";
import { withCommas } from "../model/words.js";
import { Empty } from "../parts/messages.js";

interface Removal {
  words: string;
  change: Record<string, string | null>;
  count: number;
  atLeast: boolean;
}

export function NoHit({ parsed, query }: { parsed: Parsed; query: URLSearchParams }): JSX.Element {
  const best = useSignal<Removal | null>(null);
  const key = query.toString();
  useEffect(() => {
    let stopped = false;
    best.value = null;
    void bestRemoval(parsed, query).then((found) => {
      if (!stopped) best.value = found;
    });
    return () => {
      stopped = true;
    };
  }, [key]);
  if (parsed.tokens.length === 0)
    return <Empty title="There are no callbacks yet">The first one is shown at once.</Empty>;
  const found = best.value;
  const removal = found && (
    <button type="button" onClick={() => setQuery(found.change)}>
      Remove {found.words}
    </button>
  );
  return (
    <Empty title="No callback matches" actions={removal}>
      {found
        ? `Without ${found.words} there would be ${withCommas(found.count)}${found.atLeast ? " or more" : ""}.`
        : "Nothing matches this filter now. What comes to match it is shown at once."}
    </Empty>
  );
}

/** Count without each filter in turn; null where none alone helps. */
async function bestRemoval(parsed: Parsed, query: URLSearchParams): Promise<Removal | null> {
  const counts = await Promise.all(
    removalsOf(parsed, query).map(async ({ words, change }) => {
      const without = new URLSearchParams(query);
      for (const [param, value] of Object.entries(change)) {
        if (value === null) without.delete(param);
        else without.set(param, value);
      }
      try {
        const { states } = await callbacks.countCallbacks({ filter: parseFilter(without, serverNow()).filter });
        const count = states.reduce((sum, each) => sum + Number(each.count), 0);
        return { words, change, count, atLeast: states.some(({ atLeast }) => atLeast) };
      } catch {
        return { words, change, count: 0, atLeast: false };
      }
    }),
  );
  const [best] = counts.filter(({ count }) => count > 0).sort((one, other) => other.count - one.count);
  return best ?? null;
}

/** Pure: what can be taken out. Values of one field are alternatives and go together; labels all have to match. */
export function removalsOf(
  { tokens }: Pick<Parsed, "tokens">,
  query: URLSearchParams,
): Pick<Removal, "words" | "change">[] {
  const removals = new Map<string, Pick<Removal, "words" | "change">>();
  for (const { param, value, label, text } of tokens) {
    const one = param === "label";
    const change = one ? removing(query, param, value) : { [param]: null };
    const key = one ? `${param} ${value}` : param;
    const before = removals.get(key);
    removals.set(key, before ? { words: `${before.words} or ${text}`, change } : { words: `${label} ${text}`, change });
  }
  return [...removals.values()];
}
