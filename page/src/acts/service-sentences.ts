// What pausing and resuming a service say before they are done. Pure.

import { CallbackState } from "ringback/v1/callback_pb.js";

import { nameOf, type Picture } from "../model/queue.js";
import type { Writing } from "../model/changes.js";
import { ms } from "../model/times.js";
import { counted } from "../model/words.js";
import type { Sentence } from "./sentences.js";
import { isolated } from "../model/isolated.js";

export function pauseSentence(seen: Picture, writing: Writing): Sentence {
  const { service, queue } = seen;
  if (service.paused)
    return { possible: false, now: pausedWords(seen, writing), happens: "", final: "", meanwhile: "" };
  const offered = queue.inProgressByState.find(({ state }) => state === CallbackState.OFFERED)?.count ?? 0;
  const calls = Math.max(0, queue.inProgress - offered);
  const goOn =
    calls === 0 ? "" : ` The ${counted(calls, "call")} in progress ${calls === 1 ? "goes" : "go"} on to the end.`;
  const back =
    offered === 0
      ? ""
      : ` ${counted(offered, "callback")} that ${offered === 1 ? "is" : "are"} offered but not dialled ${offered === 1 ? "keeps its place" : "keep their places"}.`;
  return {
    possible: true,
    now: `${standing(seen)}.`,
    happens: `No callback of ${nameOf(service)} is handed to a dialer until it is resumed.${goOn}${back}`,
    final: "Resuming undoes this. Callbacks whose expire time passes meanwhile end as EXPIRED.",
    meanwhile: "",
  };
}

export function resumeSentence(seen: Picture, writing: Writing): Sentence {
  const { service, queue } = seen;
  const name = nameOf(service);
  if (!service.paused) {
    return { possible: false, now: `${name} is not paused. ${standing(seen)}.`, happens: "", final: "", meanwhile: "" };
  }
  const capacity = service.maxConcurrentCalls ?? queue.capacity;
  const happens =
    capacity === 0
      ? `It may then dial again, but its max_concurrent_calls is 0: nothing is dialled until that is raised.`
      : `Callbacks of ${name} are handed to dialers again, at most ${String(capacity)} at a time, while it is open.`;
  return { possible: true, now: pausedWords(seen, writing), happens, final: "Pausing undoes this.", meanwhile: "" };
}

function waiting({ queue }: Picture): number {
  return queue.waiting.reduce((sum, { count }) => sum + count, 0);
}

function standing(seen: Picture): string {
  const count = waiting(seen);
  const { inProgress } = seen.queue;
  return `${counted(count, "callback")} ${count === 1 ? "waits" : "wait"} and ${counted(inProgress, "callback")} ${inProgress === 1 ? "is" : "are"} in progress`;
}

function pausedWords(seen: Picture, writing: Writing): string {
  const since = ms(seen.queue.pauseTime);
  const by = seen.queue.pausedBy === "" ? "" : ` by ${isolated(seen.queue.pausedBy)}`;
  return `${nameOf(seen.service)} is paused${since === null ? "" : ` since ${writing.clock(since)}`}${by}. ${standing(seen)}.`;
}
