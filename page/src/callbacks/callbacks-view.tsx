// The live table of callbacks, with its filter in the address and a panel for the one that is selected.
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";

import { useKeys } from "../app/keys.js";
import { address } from "../app/router.js";
import { link } from "../live/connection.js";
import { withCommas } from "../model/words.js";
import { Loading, Refused } from "../parts/messages.js";
import { FacetBar } from "./facet-bar.js";
import { FilterBar } from "./filter-bar.js";
import { type List, list, open, usePaint, read, refusal, showAll, start } from "./list.js";
import { current, deselect, move, movePage, moveTo, openLife, select } from "./moves.js";
import { NoHit } from "./no-hit.js";
import { Panel } from "./panel.js";
import { MAX_CALLBACKS } from "./picture.js";
import { PutOffStatus } from "./put-off.js";
import { CallbacksTable } from "./table.js";

export function CallbacksView(): JSX.Element {
  const { query } = address.value;
  const text = query.toString();
  useEffect(start, []);
  useEffect(() => open(query), [text]);
  useListKeys();
  const selected = query.get("sel")?.toLowerCase() ?? "";
  return (
    <section class={selected ? "callbacks with-panel" : "callbacks"} aria-label="Callbacks">
      <h1 class="vh">Callbacks</h1>
      <div class="bars">
        <FilterBar />
        <FacetBar />
        {list.value && <Notices current={list.value} />}
      </div>
      <Body />
      {selected && <Panel key={selected} id={selected} />}
    </section>
  );
}

function Body(): JSX.Element {
  usePaint();
  const current = list.value;
  const isEmpty = !current || (current.picture.rows.shown.length === 0 && current.picture.rows.members.size === 0);
  // What was known before stays readable.
  if (refusal.value && isEmpty) {
    const again = (
      <button type="button" onClick={() => void read()}>
        Try again
      </button>
    );
    return <Refused refusal={refusal.value} actions={again} />;
  }
  if (!current) return <Loading text="Reading callbacks" />;
  const { picture, parsed } = current;
  const { reading, rows } = picture;
  if (isEmpty && reading.kind !== "complete") {
    const words = link.value.kind === "live" ? "Reading callbacks" : "Connecting";
    return (
      <Loading text={words}>
        {reading.kind === "reading" && reading.read > 0 && `${withCommas(reading.read)} read`}
      </Loading>
    );
  }
  if (isEmpty) return <NoHit parsed={parsed} query={current.query} />;
  return (
    <>
      <PutOffStatus rows={rows} />
      <CallbacksTable key={current.number} rows={rows} />
    </>
  );
}

/** What is said about the whole list. */
function Notices({ current }: { current: List }): JSX.Element | null {
  usePaint();
  const { picture, facets } = current;
  const { count, atLeast } = facets.total;
  const { reading, rows } = picture;
  const isAnew = reading.kind === "reading" && reading.anew;
  const failed = reading.kind === "failed" && rows.members.size > 0 ? refusal.value : null;
  if (!picture.capped && !isAnew && !failed) return null;
  return (
    <p class="notice" role="status">
      {picture.capped && (
        <span>
          {withCommas(MAX_CALLBACKS)} of {facets.counted && count > MAX_CALLBACKS ? withCommas(count) : "more"}
          {atLeast && " or more"}; narrow the filter. These are the newest.
        </span>
      )}
      {failed && <span>It could not be read anew: {failed.message} Below is what was known before.</span>}
      {isAnew && <span>Read anew: {withCommas(reading.read)} so far. Below is what was known before.</span>}
    </p>
  );
}

function useListKeys(): void {
  const isInList = () => {
    const { activeElement } = document;
    return (
      !activeElement || activeElement === document.body || activeElement.closest("table.c, main") === activeElement
    );
  };
  const withRow = (act: (id: string) => void) => () => {
    const id = current();
    if (id) act(id);
  };
  const when = isInList;
  useKeys([
    { keys: "j", does: "down", run: () => move(1) },
    { keys: "k", does: "up", run: () => move(-1) },
    { keys: "ArrowDown", does: "down", run: () => move(1), when },
    { keys: "ArrowUp", does: "up", run: () => move(-1), when },
    { keys: "PageDown", does: "a page down", run: () => movePage(1), when },
    { keys: "PageUp", does: "a page up", run: () => movePage(-1), when },
    { keys: "Home", does: "first", run: () => moveTo(0), when },
    { keys: "End", does: "last", run: () => moveTo(-1), when },
    { keys: "Enter", does: "open its life", run: withRow(openLife) },
    { keys: " ", does: "panel", run: withRow(select), when },
    { keys: ".", does: "show new", run: showAll },
    { keys: "Escape", does: "close", run: deselect },
  ]);
}
