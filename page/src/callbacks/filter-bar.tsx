// The filter: what the address says as tokens, what it says in vain as struck ones, and the field to type more into.
import { useSignal } from "@preact/signals";
import type { JSX, TargetedKeyboardEvent } from "preact";
import { useRef } from "preact/hooks";

import { ActButton, openCreate, openResolve, whyOff } from "../acts/acts.js";
import { address, setQuery } from "../app/router.js";
import { useKeys } from "../app/keys.js";
import { serverNow, zone } from "../live/clock.js";
import { queues, serviceName } from "../live/queues.js";
import { type Struck, type Token, parseFilter } from "../model/filter.js";
import { ORDERS, isOrder } from "../model/order.js";
import { adding, removing } from "../model/query-values.js";
import { type Found, type KnownService, readSearch } from "../model/search.js";
import { clockTime } from "../model/times.js";
import { withCommas } from "../model/words.js";
import { CopyButton } from "../parts/copy.js";
import { Glyph } from "../parts/glyph.js";
import { heldAt, hold, list, usePaint } from "./list.js";

export function FilterBar(): JSX.Element {
  const { query } = address.value;
  const { tokens, struck, order } = parseFilter(query, serverNow());
  const refused = list.value?.struck ?? [];
  const isRefused = (token: Token) =>
    refused.some(({ param, value }) => param === token.param && value === token.value);
  return (
    <div class="bar">
      <div class="find">
        <Glyph name="find" />
        {tokens
          .filter((token) => token.param !== "state" && !isRefused(token))
          .map((token) => (
            <TokenChip key={`${token.param} ${token.value}`} token={token} />
          ))}
        {[...struck, ...refused].map((one) => (
          <StruckChip key={`${one.param} ${one.value} ${one.reason}`} struck={one} />
        ))}
        <SearchField tokens={tokens} />
        <kbd class="x3">/</kbd>
      </div>
      <Total />
      <label class="order">
        <span class="vh">Order</span>
        <select value={order} onChange={(event) => reorder(event.currentTarget.value)}>
          {Object.entries(ORDERS).map(([name, words]) => (
            <option key={name} value={name}>
              {words}
            </option>
          ))}
        </select>
      </label>
      <CopyButton text={() => globalThis.location.href} does="copy link" keys="y" class="x3">
        Copy link
      </CopyButton>
      <HoldButton />
      <Begin />
    </div>
  );
}

/** What begins something new. */
export function Begin(): JSX.Element {
  useKeys([{ keys: "n", does: "new callback …", run: openNew, when: () => whyOff("CreateCallback") === "" }]);
  return (
    <>
      <ActButton rpc="CreateCallback" shortcut="n" onAct={openNew}>
        New callback
      </ActButton>
      <ActButton rpc="ResolveCallbacks" onAct={() => openResolve(targetOfFilter())}>
        Number has rung in
      </ActButton>
    </>
  );
}

function openNew(): void {
  openCreate();
}

/** The number that the list is filtered by is likely the one that has rung in. */
function targetOfFilter(): string {
  return list.peek()?.parsed.filter.dialTarget ?? "";
}

function reorder(order: string): void {
  if (isOrder(order)) setQuery({ sort: order === "next" ? null : order });
}

function remove(param: string, value: string): void {
  const { query } = address.peek();
  // What has one value has no escapes.
  const single = query.get(param) === value && query.getAll(param).length === 1;
  setQuery(single ? { [param]: null } : removing(query, param, value));
}

function TokenChip({ token }: { token: Token }): JSX.Element {
  const text = wordsOf(token);
  return (
    <span class="tok">
      {token.label} <b>{text}</b>
      <button
        type="button"
        class="take-out"
        aria-label={`Remove ${token.label} ${text}`}
        onClick={() => remove(token.param, token.value)}
      >
        <Glyph name="x" />
      </button>
    </span>
  );
}

function wordsOf({ param, text, moment }: Token): string {
  if (moment?.kind === "absolute") return clockTime(moment.atUs / 1000, serverNow(), zone);
  if (param !== "service") return text;
  const service = [...queues.value.values()].find((each) => each.service.sipAddress === text)?.service;
  return serviceName(service?.serviceId ?? text);
}

function StruckChip({ struck: { param, value, reason } }: { struck: Struck }): JSX.Element {
  return (
    <span class="tok refused">
      <s>
        {param}
        {value && `=${value}`}
      </s>{" "}
      <span class="reason">{reason}</span>
      <button
        type="button"
        class="take-out"
        aria-label={`Remove ${param} ${value}, which ${reason}`}
        onClick={() => remove(param, value)}
      >
        <Glyph name="x" />
      </button>
    </span>
  );
}

function SearchField({ tokens }: { tokens: readonly Token[] }): JSX.Element {
  const text = useSignal("");
  const input = useRef<HTMLInputElement>(null);
  useKeys([{ keys: "/", does: "filter", run: () => input.current?.focus() }]);
  const found = readSearch(text.value, knownServices());
  const fault = found.find((one) => one.fault);
  const press = (event: TargetedKeyboardEvent<HTMLInputElement>) => {
    const last = tokens.filter(({ param }) => param !== "state").at(-1);
    if (event.key === "Enter" && found.length > 0 && !fault) {
      apply(found);
      text.value = "";
    } else if (event.key === "Escape") {
      if (text.value === "") input.current?.blur();
      text.value = "";
    } else if (event.key === "Backspace" && text.value === "" && last) remove(last.param, last.value);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <>
      <input
        ref={input}
        type="search"
        aria-label="Filter"
        aria-describedby="filter-hint"
        autocomplete="off"
        spellcheck={false}
        placeholder="Number, task id, caller:, label:, due<"
        value={text.value}
        onInput={(event) => (text.value = event.currentTarget.value)}
        onKeyDown={press}
      />
      <span id="filter-hint" class={fault ? "hint fault" : "hint"} role="status">
        {found.length > 0 && hintOf(found)}
      </span>
    </>
  );
}

/** "Enter: caller crm, due before 1 h from now"; or why it cannot be. */
function hintOf(found: readonly Found[]): string {
  const fault = found.find((one) => one.fault);
  return fault ? `${fault.means} ${fault.fault ?? ""}` : `Enter: ${found.map(({ means }) => means).join(", ")}`;
}

function apply(found: readonly Found[]): void {
  const query = new URLSearchParams(address.peek().query);
  const change: Record<string, string | null> = {};
  for (const { param, value, single } of found) {
    for (const [name, text] of Object.entries(adding(query, param, value, single))) {
      query.set(name, text ?? "");
      change[name] = text;
    }
  }
  setQuery(change, "replace");
}

function knownServices(): KnownService[] {
  return [...queues.value.values()].map(({ service }) => service);
}

/** "57 of 10,878". */
function Total(): JSX.Element | null {
  usePaint();
  const current = list.value;
  if (current?.picture.reading.kind !== "complete") return null;
  const { count, atLeast } = current.facets.total;
  const shown = current.picture.rows.members.size;
  return (
    <span class="total x3">
      <b>{withCommas(shown)}</b>{" "}
      {current.facets.counted && (
        <span class="sub">
          of {withCommas(Math.max(count, shown))}
          {atLeast && "+"}
        </span>
      )}
    </span>
  );
}

function HoldButton(): JSX.Element {
  usePaint();
  const held = list.value?.picture.rows.held ?? null;
  const toggle = () => hold(heldAt.peek() === null);
  useKeys([{ keys: "h", does: "hold", run: toggle }]);
  return (
    <button type="button" aria-pressed={held !== null} onClick={toggle}>
      <Glyph name="pause" /> {held === null ? "Hold" : `Held, ${withCommas(held)} ${held === 1 ? "change" : "changes"}`}
      <kbd class="x3">h</kbd>
    </button>
  );
}
