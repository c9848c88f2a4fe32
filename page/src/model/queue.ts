// What the view Queues says of one service and of all of them. Pure: now and the reader's zone are passed in.
import { CallbackState, Priority } from "ringback/v1/callback_pb.js";
import { type GetQueueResponse, QueueState, type Service } from "ringback/v1/directory_service_pb.js";

import { wallClock } from "./local-time.js";
import { isolated } from "./isolated.js";
import { clockTime, durationMs, ms, zoneCity } from "./times.js";
import { counted, queueLook, withCommas } from "./words.js";

export interface Picture {
  service: Service;
  queue: GetQueueResponse;
}

/** How long somebody may wait before the wait is amber. NOTHING_ELSE waits for an idle service, so it never is. */
export const LONG_WAIT_MS = 15 * 60_000;

/** What people call a service: its display name, or its SIP address. It can stand in a sentence. */
export function nameOf({ displayName, sipAddress, serviceId }: Service): string {
  return isolated(displayName || sipAddress || serviceId);
}

/** Whether somebody has to look at a service: it does not dial, or will not in time. */
export function needsAttention({ queue }: Picture): boolean {
  return queueLook(queue.state).tone === "warn";
}

/** Return what is told of a service that needs attention: "Claims has no dialer". */
export function attentionOf(picture: Picture): string {
  const name = nameOf(picture.service);
  switch (picture.queue.state) {
    case QueueState.NO_DIALER:
      return `${name} has no dialer`;
    case QueueState.PAUSED:
      return `${name} is paused`;
    case QueueState.DIALING_OFF:
      return `${name} does not dial`;
    case QueueState.AGENTS_DO_NOT_ANSWER:
      return `Agents of ${name} do not answer`;
    default:
      return `${name} is behind`;
  }
}

/** As many are named: of a thousand, nobody would find one, and the rows would be far below. */
const NAMED = 12;

/** Return what is named of those that need attention, those first in which most wait, and how many others there are. */
export function namedOf<P extends Picture>(attention: readonly P[]): { named: P[]; others: number } {
  if (attention.length <= NAMED) return { named: [...attention], others: 0 };
  const waiting = ({ queue }: P): number => waitingOf(queue);
  const most = new Set([...attention].sort((one, other) => waiting(other) - waiting(one)).slice(0, NAMED));
  // The order of the names stays.
  return { named: attention.filter((picture) => most.has(picture)), others: attention.length - NAMED };
}

/** Return the line below a service's state: since when and by whom, or until when. */
export function stateDetail(picture: Picture, now: number, zone: string): string {
  const { service, queue } = picture;
  const since = (at: number | null): string => (at === null ? "" : `since ${clockTime(at, now, zone)}`);
  const pausedBy = [since(ms(queue.pauseTime)), queue.pausedBy && `by ${isolated(queue.pausedBy)}`]
    .filter(Boolean)
    .join(" ");
  switch (queue.state) {
    case QueueState.NO_DIALER: {
      // What is true besides: a dialer alone would not help.
      const also = service.paused ? "and paused" : queue.capacity === 0 ? "and capacity is 0" : "";
      return [since(ms(queue.noDialerSince)), also].filter(Boolean).join(", ");
    }
    case QueueState.PAUSED:
      return pausedBy;
    case QueueState.DIALING_OFF:
      return `capacity is 0 ${pausedBy}`.trim();
    case QueueState.AGENTS_DO_NOT_ANSWER: {
      const until = ms(queue.agentsRestUntil);
      return until === null ? "" : `rests until ${clockTime(until, now, zone)}`;
    }
    case QueueState.BEHIND:
      return `${upTo(queue.expiring)} will expire first`;
    case QueueState.CLOSED: {
      const opens = ms(queue.nextOpenTime);
      return opens === null ? "no opening within a year" : `until ${openingTime(opens, now, service.timeZone, zone)}`;
    }
    case QueueState.OPEN: {
      const closes = ms(queue.nextCloseTime);
      if (closes !== null) return `until ${openingTime(closes, now, service.timeZone, zone)}`;
      return service.openingHours.length === 0 ? "at all hours" : "";
    }
    default:
      return "";
  }
}

const COUNTED_UP_TO = 10_000;

/** "29", or "10,000 or more" where the server counts no further. */
export function upTo(count: number): string {
  return count >= COUNTED_UP_TO ? `${withCommas(count)} or more` : withCommas(count);
}

const DAY_MS = 86_400_000;
const WEEKDAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/**
 * Return an opening or closing time as the service's own clock shows it: "18:00", "Fri 07:00", "24 Dec 07:00", and with
 * the city, "17:30 London", where the reader's clock differs.
 */
export function openingTime(at: number, now: number, serviceZone: string, zone: string): string {
  const own = isZone(serviceZone) ? serviceZone : zone;
  const [wall, today] = [wallClock(at, own), wallClock(now, own)];
  const days = Math.floor(wall / DAY_MS) - Math.floor(today / DAY_MS);
  const [date, time] = clockTime(at, now, own).split(/ (?=[^ ]*$)/);
  const hour = (time ?? date ?? "").slice(0, 5);
  const weekday = WEEKDAYS[new Date(wall).getUTCDay()] ?? "";
  const day = days === 0 ? "" : days > 0 && days < 7 ? weekday : (date ?? "");
  const city = wall === wallClock(at, zone) ? "" : zoneCity(own);
  return [day, hour, city].filter(Boolean).join(" ");
}

function isZone(zone: string): boolean {
  try {
    wallClock(0, zone);
    return zone !== "";
  } catch {
    // A browser may have an older list of zones than the server.
    return false;
  }
}

/** How many wait. */
export function waitingOf(queue: GetQueueResponse): number {
  return queue.waiting.reduce((sum, level) => sum + level.count, 0);
}

/** Return since when the one that has waited longest is due, and whether that is too long. */
export function oldestWait(picture: Picture, now: number): { at: number; isLong: boolean } | null {
  const { queue } = picture;
  const at = ms(queue.oldestWaitingTime);
  if (at === null) return null;
  // Where nothing is dialled every wait is one to look at.
  const isStuck = needsAttention(picture) && queue.state !== QueueState.BEHIND;
  const isLong = queue.waiting.some(({ priority, oldestWaitingTime }) => {
    const due = ms(oldestWaitingTime);
    return priority !== Priority.NOTHING_ELSE && due !== null && now - due > LONG_WAIT_MS;
  });
  return { at, isLong: isStuck || isLong };
}

/** Return an estimate in words: "4 min 50 s" below ten minutes, "38 min", "1 h 12 min". */
export function roughSpan(duration: number): string {
  const seconds = Math.round(duration / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Return the estimated wait of a new callback, or in a word why there is none. */
export function estimateOf({ queue }: Picture): string {
  switch (queue.state) {
    case QueueState.PAUSED:
      return "paused";
    case QueueState.NO_DIALER:
    case QueueState.DIALING_OFF:
    case QueueState.AGENTS_DO_NOT_ANSWER:
      // What the calls of the last minutes would give is not true any more.
      return "none";
    case QueueState.CLOSED:
      return queue.scheduled > 0 ? `${withCommas(queue.scheduled)} scheduled` : "closed";
    default: {
      const wait = durationMs(queue.estimatedWait);
      return wait === null ? "—" : roughSpan(wait);
    }
  }
}

/** The parts of a service's capacity. */
export interface Slots {
  talking: number;
  /** Dialling and cancelling. */
  ringing: number;
  offered: number;
  free: number;
}

export function slotsOf(queue: GetQueueResponse): Slots {
  const count = (state: CallbackState): number =>
    queue.inProgressByState.find((part) => part.state === state)?.count ?? 0;
  const [talking, offered] = [count(CallbackState.CONNECTED), count(CallbackState.OFFERED)];
  return {
    talking,
    offered,
    ringing: Math.max(0, queue.inProgress - talking - offered),
    free: Math.max(0, queue.capacity - queue.inProgress),
  };
}

/** Return the calls in words: "7 talk, 3 ring, 2 offered". */
export function slotWords(queue: GetQueueResponse): string {
  const { talking, ringing, offered } = slotsOf(queue);
  const cancelling = queue.inProgressByState.find((part) => part.state === CallbackState.CANCELLING)?.count ?? 0;
  const words = [
    talking > 0 && `${talking} talk`,
    ringing > cancelling && `${ringing - cancelling} ring`,
    cancelling > 0 && `${cancelling} cancelling`,
    offered > 0 && `${offered} offered`,
  ].filter(Boolean);
  if (words.length > 0) return words.join(", ");
  return queue.capacity === 0 ? "nothing is dialled" : "idle";
}

/** One level of a service's queue. */
export interface Level {
  priority: Priority;
  count: number;
  oldestAt: number | null;
  /** The share of the next grants: "first", "7 of 27", "when idle", and "—" where nobody waits. */
  share: string;
}

// The levels that share by weight, in the order of the weights.
const WEIGHTED = [
  Priority.HIGHEST,
  Priority.VERY_HIGH,
  Priority.HIGH,
  Priority.NORMAL,
  Priority.LOW,
  Priority.VERY_LOW,
  Priority.LOWEST,
];

/** The name of a priority as addresses and the API spell it. */
export function priorityName(priority: Priority): string {
  const names: Record<number, string | undefined> = Priority;
  return names[priority] ?? String(priority);
}

export const LEVELS: readonly Priority[] = [Priority.STRICT_PRIORITY, ...WEIGHTED, Priority.NOTHING_ELSE];

/** Return the levels of a service with their shares: by the weights of those on which somebody waits. */
export function levelsOf({ service, queue }: Picture): Level[] {
  const weight = (priority: Priority): number => service.priorityWeights[WEIGHTED.indexOf(priority)] ?? 0;
  const found = (priority: Priority) => queue.waiting.find((level) => level.priority === priority);
  const all = WEIGHTED.reduce((sum, priority) => sum + (found(priority)?.count ? weight(priority) : 0), 0);
  return LEVELS.map((priority) => {
    const level = found(priority);
    const count = level?.count ?? 0;
    return {
      priority,
      count,
      oldestAt: ms(level?.oldestWaitingTime),
      share: shareOf(priority, count, weight(priority), all),
    };
  });
}

function shareOf(priority: Priority, count: number, weight: number, all: number): string {
  if (priority === Priority.NOTHING_ELSE) return "when idle";
  if (count === 0) return "—";
  return priority === Priority.STRICT_PRIORITY ? "first" : `${weight} of ${all}`;
}

/** The sums over all services. */
export interface Totals {
  waiting: number;
  oldestAt: number | null;
  inProgress: number;
  capacity: number;
  dueWithinHour: number;
  attention: Picture[];
}

export function totalsOf(pictures: Iterable<Picture>): Totals {
  const totals: Totals = { waiting: 0, oldestAt: null, inProgress: 0, capacity: 0, dueWithinHour: 0, attention: [] };
  for (const picture of pictures) {
    const { queue } = picture;
    const oldestAt = ms(queue.oldestWaitingTime);
    totals.waiting += waitingOf(queue);
    totals.inProgress += queue.inProgress;
    totals.capacity += queue.capacity;
    totals.dueWithinHour += queue.dueWithinHour;
    if (oldestAt !== null) totals.oldestAt = Math.min(oldestAt, totals.oldestAt ?? oldestAt);
    if (needsAttention(picture)) totals.attention.push(picture);
  }
  return totals;
}

/** Return how many services need attention: "4 of 8 services need attention". */
export function attentionCount(attention: number, services: number): string {
  if (attention === 0) return services === 1 ? "the service needs no attention" : "no service needs attention";
  return `${withCommas(attention)} of ${counted(services, "service")} ${attention === 1 ? "needs" : "need"} attention`;
}
