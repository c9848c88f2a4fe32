// The document's title: what is waiting, and which view it is.
import { computed } from "@preact/signals";
import { useEffect } from "preact/hooks";

import { link } from "../live/connection.js";
import { queues } from "../live/queues.js";
import { withCommas } from "../model/words.js";
import { address, type View } from "./router.js";
import { identity, isShown } from "./session.js";

const NAMES: Record<View, string> = {
  queues: "Queues",
  callbacks: "Callbacks",
  callback: "Callback",
  task: "Callback",
  outcomes: "Outcomes",
  none: "No such page",
};

const title = computed(() => {
  const who = identity.value;
  if (!who || !isShown(who)) return "Ringback";
  const { kind } = link.value;
  const state = kind === "live" ? `${withCommas(waiting.value)} waiting` : kind === "lost" ? "Disconnected" : "";
  return [state, NAMES[address.value.view], "Ringback"].filter(Boolean).join(" · ");
});

const waiting = computed(() => {
  let sum = 0;
  for (const { queue } of queues.value.values()) for (const { count } of queue.waiting) sum += count;
  return sum;
});

export function useTitle(): void {
  const text = title.value;
  useEffect(() => {
    document.title = text;
  }, [text]);
}
