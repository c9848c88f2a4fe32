/** Imported first by tests of the helpers: no waiting for a server that comes back at once. */

import { pace } from "../src/back-off.js";
import serviceConfig from "../src/service_config.json" with { type: "json" };

Object.assign(pace, { firstMs: 1, maxMs: 50, minHeartbeatMs: 300 });

for (const { retryPolicy } of serviceConfig.methodConfig) {
  if (retryPolicy) Object.assign(retryPolicy, { initialBackoff: "0.001s", maxBackoff: "0.02s" });
}
