// The one list of the page: its picture, its facets and what is selected, between the address, the stream and the view.
// It outlives the view, so that going back shows it as it was.
import { effect, signal, untracked } from "@preact/signals";
import { create } from "@bufbuild/protobuf";
import { type CallbackFilter, CallbackKeySchema } from "ringback/v1/callback_pb.js";

import { callbacks, directory } from "../api/clients.js";
import { type Refusal, refusalOf } from "../api/errors.js";
import { address } from "../app/router.js";
import { identity } from "../app/session.js";
import { onAnew, onChanges } from "../live/callbacks.js";
import { now, serverNow } from "../live/clock.js";
import { link } from "../live/connection.js";
import { queues } from "../live/queues.js";
import { type Parsed, type Struck, filterAt, parseFilter } from "../model/filter.js";
import type { Lookups } from "../model/match.js";
import { rawValues } from "../model/query-values.js";
import { Facets, withoutStates } from "./facets.js";
import { PAGE_SIZE, Picture, type Source } from "./picture.js";

/** A picture of several megabytes may take longer than other answers. */
const PATIENCE_MS = 60_000;
const ENTER_MS = 1000;
const MARK_MS = 2000;
/** What could not be read, and may be later, is read again. */
const AGAIN_MS = 5000;

export interface List {
  /** Another one for each filter. */
  number: number;
  /** Of the address, without what the server has refused. */
  query: URLSearchParams;
  parsed: Parsed;
  picture: Picture;
  facets: Facets;
  /** What the server has refused of the filter. */
  struck: Struck[];
}

export const list = signal<List | null>(null);
/** Grows when something has to be drawn anew. */
const paint = signal(0);
/** The row that the keys move. It is of an id, so that it stays with its row. */
export const cursor = signal("");
/** Time stands still where the list is held. */
export const heldAt = signal<number | null>(null);
/** What the view tells: how far it is scrolled, where its window ends, and how many rows are a page. */
export const viewport = { mounted: false, atTop: true, top: 0, end: 0, page: 20 };
export const refusal = signal<Refusal | null>(null);

let enteredAt = Number.NEGATIVE_INFINITY;
let enterTimer: ReturnType<typeof setTimeout> | undefined;
let markTimer: ReturnType<typeof setTimeout> | undefined;
let opened = "";
let failedAt = 0;

const source: Source = {
  async list(filter, pageToken) {
    const { callbacks: found, nextPageToken } = await callbacks.listCallbacks(
      { filter, pageSize: PAGE_SIZE, pageToken },
      { timeoutMs: PATIENCE_MS },
    );
    return { callbacks: found, nextPageToken };
  },
  async selected(filter, ids) {
    const keys = ids.map((value) => create(CallbackKeySchema, { key: { case: "callbackId", value } }));
    const { callbacks: found } = await callbacks.listCallbacks({ filter: { ...filter, keys }, pageSize: PAGE_SIZE });
    return found;
  },
  lookups,
  now: serverNow,
};

async function lookups(filter: CallbackFilter): Promise<Lookups> {
  const ids = await Promise.all(filter.serviceSips.map(serviceIdOf));
  return {
    idsOfSips: ids.filter((id) => id !== ""),
    target: null,
    ownCaller: identity.peek()?.callerIds[0] ?? "",
  };
}

/** Return the id of the service with a SIP address in any spelling; "" where there is none. */
async function serviceIdOf(sipAddress: string): Promise<string> {
  for (const { service } of queues.peek().values()) if (service.sipAddress === sipAddress) return service.serviceId;
  try {
    const { service } = await directory.getService({ key: { case: "sipAddress", value: sipAddress } });
    return service?.serviceId ?? "";
  } catch (error) {
    if (refusalOf(error).code === "NOT_FOUND") return "";
    throw error;
  }
}

/** What of the address makes another picture: not the order, and not what is selected. */
export function filterKey(query: URLSearchParams): string {
  const params = [...new Set(query.keys())].filter((param) => param !== "sort" && param !== "sel").sort();
  return JSON.stringify(params.map((param) => [param, rawValues(query, param).sort()]));
}

/** Show what the address says. */
export function open(query: URLSearchParams): void {
  const key = filterKey(query);
  const parsed = parseFilter(query, serverNow());
  if (key === opened && list.peek()) {
    const { picture } = list.peek() ?? {};
    if (picture && picture.rows.order !== parsed.order) picture.rows.showAll(parsed.order);
    repaint();
    return;
  }
  opened = key;
  begin(query, []);
}

function begin(query: URLSearchParams, struck: Struck[]): void {
  const parsed = parseFilter(query, serverNow());
  list.peek()?.picture.stop();
  release();
  refusal.value = null;
  const picture = new Picture(parsed, source, repaint);
  const facets = new Facets(
    async () => (await callbacks.countCallbacks({ filter: withoutStates(filterAt(parsed, serverNow())) })).states,
    (callback) => picture.selectsInAnyState(callback),
  );
  viewport.top = 0;
  viewport.atTop = true;
  cursor.value = "";
  list.value = { number: (list.peek()?.number ?? 0) + 1, query, parsed, picture, facets, struck };
  repaint();
  if (link.peek().kind === "live") void read();
}

/** Read the picture: after the stream has begun, so that nothing is missed between the two. */
export async function read(): Promise<void> {
  const { picture, facets } = list.peek() ?? {};
  if (!picture || !facets) return;
  void facets.refresh(performance.now(), true).then(repaint);
  await picture.read();
  if (picture !== list.peek()?.picture) return;
  if (picture.reading.kind === "failed") refused(refusalOf(picture.reading.error));
  else refusal.value = null;
}

/** Strike what the server refuses of the filter, and read the rest. */
function refused(why: Refusal): void {
  const current = list.peek();
  if (!current) return;
  const struck = why.code === "INVALID_ARGUMENT" ? struckBy(why, current.parsed) : [];
  if (struck.length === 0) {
    failedAt = performance.now();
    refusal.value = why;
    repaint();
    return;
  }
  const query = new URLSearchParams(address.peek().query);
  for (const { param, value } of [...current.struck, ...struck]) {
    const values = rawValues(query, param).filter((raw) => raw !== value);
    if (values.length > 0) query.set(param, values.join(","));
    else query.delete(param);
  }
  begin(query, [...current.struck, ...struck]);
}

const PARAM_OF: Record<string, string> = {
  keys: "id",
  caller_ids: "caller",
  service_ids: "service",
  service_sips: "service",
  states: "state",
  priorities: "priority",
  supervisors: "supervisor",
  labels: "label",
  due_after: "due_after",
  due_before: "due_before",
  end_after: "ended_after",
  end_before: "ended_before",
  dial_target: "target",
  external_task_ids: "task",
};

/** Return the values of the address that are at fault by the paths of the violations, such as "filter.keys[2]". */
export function struckBy({ violations }: Refusal, { tokens }: Pick<Parsed, "tokens">): Struck[] {
  const struck = new Map<string, Struck>();
  for (const { field, description } of violations) {
    const [, name = "", index] = /^(?:filter\.)?([a-z_]+)(?:\[(\d+)\])?/.exec(field) ?? [];
    const param = PARAM_OF[name];
    if (!param) continue;
    let candidates = tokens.filter((token) => token.param === param);
    if (name === "service_ids" || name === "service_sips") {
      candidates = candidates.filter(({ text }) => /^sips?:/i.test(text) === (name === "service_sips"));
    }
    const named = index === undefined ? candidates : candidates.slice(Number(index), Number(index) + 1);
    for (const { value } of named) struck.set(`${param} ${value}`, { param, value, reason: description });
  }
  return [...struck.values()];
}

export function repaint(): void {
  paint.value = paint.peek() + 1;
}

/** Draw a component anew with the list: rows are changed where they are, so that none tells it by itself. */
export function usePaint(): number {
  return paint.value;
}

/** Show what has been put off: "14 new, 1 has left this filter". */
export function showAll(): void {
  list.peek()?.picture.rows.showAll();
  repaint();
}

export function hold(on: boolean): void {
  const rows = list.peek()?.picture.rows;
  if (!rows) return;
  rows.hold(on, performance.now());
  heldAt.value = on ? now.peek() : null;
  mark();
  repaint();
}

function release(): void {
  heldAt.value = null;
}

/** New rows enter at once while the list is at its top and nothing is selected, 1 s apart at most. */
function follow(): void {
  const rows = list.peek()?.picture.rows;
  if (!rows || rows.putOff.fresh === 0 || rows.held !== null) return;
  // Where nothing is shown, nothing is read.
  if (rows.shown.length > 0 && !isFollowing()) return;
  const wait = ENTER_MS - (performance.now() - enteredAt);
  if (wait > 0) {
    enterTimer ??= setTimeout(() => {
      enterTimer = undefined;
      follow();
      repaint();
    }, wait);
    return;
  }
  enteredAt = performance.now();
  rows.enter(viewport.end);
}

export function isFollowing(): boolean {
  return viewport.mounted && viewport.atTop && cursor.peek() === "" && !address.peek().query.get("sel");
}

/** Take the marks of changes away after 2 s. */
function mark(): void {
  markTimer ??= setTimeout(() => {
    markTimer = undefined;
    const rows = list.peek()?.picture.rows;
    if (!rows) return;
    if (rows.unmark(performance.now() - MARK_MS)) repaint();
    if (rows.isMarked) mark();
  }, MARK_MS / 4);
}

/** Begin to hear of changes. Once, with the first view of the list. */
export const start = once(() => {
  onChanges(({ events }) => {
    const { picture, facets } = list.peek() ?? {};
    if (!picture || !facets) return;
    picture.apply(events, performance.now());
    facets.note(events);
    follow();
    mark();
    repaint();
  });
  onAnew(() => void read());
  effect(() => {
    if (link.value.kind === "live") untracked(readIfNeeded);
  });
  effect(() => {
    // Once a second while the page is live.
    if (now.value > 0) untracked(tick);
  });
});

function readIfNeeded(): void {
  const reading = list.peek()?.picture.reading.kind;
  if (reading === "idle" || reading === "failed") void read();
}

function tick(): void {
  const { picture, facets } = list.peek() ?? {};
  if (!picture || !facets || link.peek().kind !== "live") return;
  const isAgain = refusal.peek()?.retryable === true && performance.now() - failedAt > AGAIN_MS;
  if (picture.reading.kind === "failed" && isAgain) void read();
  picture.tick(performance.now());
  if (picture.parsed.rolls) {
    follow();
    repaint();
  }
  void facets.refresh(performance.now()).then((fresh) => {
    if (fresh) repaint();
  });
}

function once(run: () => void): () => void {
  let ran = false;
  return () => {
    if (!ran) run();
    ran = true;
  };
}
