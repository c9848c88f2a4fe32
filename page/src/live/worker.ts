// The entry of the shared worker: one for all tabs of a browser.
import { Hub } from "./hub.js";
import type { ToHub } from "./protocol.js";
import { realWorld } from "./watches.js";

// Of the library of workers, which cannot be had together with that of pages.
const scope = globalThis as unknown as { onconnect: ((event: MessageEvent) => void) | null };
const hub = new Hub(realWorld());

scope.onconnect = ({ ports: [port] }) => {
  if (!port) return;
  const receive = hub.attach(port);
  port.addEventListener("message", ({ data }: MessageEvent<ToHub>) => receive(data));
  // Where the browser tells it: of tabs that have crashed, too.
  port.addEventListener("close", () => receive({ type: "bye" }));
  port.start();
};
