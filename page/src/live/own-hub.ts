// A hub of the page itself, where there is no shared worker.
import { Hub } from "./hub.js";
import type { ToHub } from "./protocol.js";
import { realWorld } from "./watches.js";

export function serve(port: MessagePort): void {
  const receive = new Hub(realWorld()).attach(port);
  port.addEventListener("message", ({ data }: MessageEvent<ToHub>) => receive(data));
  port.start();
}
