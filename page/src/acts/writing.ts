// How this page writes moments and targets in sentences.
import { shownTarget } from "../app/mask.js";
import { now, zone } from "../live/clock.js";
import type { Writing } from "../model/changes.js";
import { targetGroups } from "../model/number-groups.js";
import { clockTime } from "../model/times.js";

/** Return a target as people read it: "+1 202 555 0172". Read it where it is rendered. */
export function targetWords(target: string): string {
  return targetGroups(shownTarget(target)).join(" ");
}

/** Read it where it is rendered: it changes with the day and with what is hidden on this screen. */
export function writing(): Writing {
  const at = now.value;
  return { clock: (moment) => clockTime(moment, at, zone), target: targetWords };
}
