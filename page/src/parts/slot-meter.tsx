// A service's capacity: connected solid, dialling and cancelling hatched, offered outlined, free empty.
import type { JSX } from "preact";
import type { GetQueueResponse } from "ringback/v1/directory_service_pb.js";

import { slotsOf, slotWords } from "../model/queue.js";

/** Decoration: the numbers stand beside it. */
export function SlotMeter({ queue }: { queue: GetQueueResponse }): JSX.Element | null {
  if (queue.capacity === 0 && queue.inProgress === 0) return null;
  const { talking, ringing, offered, free } = slotsOf(queue);
  const part = (name: string, slots: number) =>
    slots > 0 && <i key={name} class={name} style={{ flexGrow: String(slots) }} />;
  return (
    <div class="cap" aria-hidden="true" title={slotWords(queue)}>
      {part("talk", talking)}
      {part("ring", ringing)}
      {part("offd", offered)}
      {part("free", free)}
    </div>
  );
}
