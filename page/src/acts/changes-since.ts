// What has become of a callback since its dialog was opened, for the person who is about to act on it.
import { differences, differenceWords } from "../model/changes.js";
import { stateWord } from "../model/words.js";
import type { Followed } from "./followed.js";
import { writing } from "./writing.js";

/** Read it where it is rendered. */
export function changesSince({ opened, current }: Followed): string[] {
  const now = current.value;
  if (now.revision === opened.revision) return [];
  const found = differences(opened, now, writing()).map(differenceWords);
  if (now.state !== opened.state) found.unshift(`from ${stateWord(opened.state)} to ${stateWord(now.state)}`);
  if (now.attemptCount > opened.attemptCount) found.push(`attempt ${String(now.attemptCount)} has begun`);
  return found;
}
