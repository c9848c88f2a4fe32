// The page begins here.
import { effect } from "@preact/signals";
import { render } from "preact";

import { startKeys } from "./app/keys.js";
import { startRouter } from "./app/router.js";
import { identity, isShown, keyOf, loadSession, sessionEnded } from "./app/session.js";
import { Shell } from "./app/shell.js";
import { startTheme } from "./app/theme.js";
import { connect, link } from "./live/connection.js";

startTheme();
startRouter();
startKeys();
render(<Shell />, document.body);

// Streams begin when there is somebody to whom something may be shown.
const stop = effect(() => {
  const who = identity.value;
  if (!who || !isShown(who)) return;
  queueMicrotask(() => {
    stop();
    connect(keyOf(who));
  });
});

effect(() => {
  const state = link.value;
  if (state.kind === "refused" && state.refusal.code === "UNAUTHENTICATED") sessionEnded();
});

// What has happened to the cookie meanwhile, this page may not have heard: streams would go on with it as somebody else's.
let wasAway = false;
effect(() => {
  const { kind } = link.value;
  if (kind === "live" && wasAway) void loadSession();
  wasAway = kind !== "live" && (wasAway || kind === "lost" || kind === "refused");
});
addEventListener("pageshow", ({ persisted }) => {
  if (persisted) void loadSession();
});

void loadSession();
