// The header: where one is, whether what is shown is true, whose clock it goes by, and who looks at it.
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";

import { timeOfDay, zoneCity } from "../model/times.js";
import { withCommas } from "../model/words.js";
import { now, zone } from "../live/clock.js";
import { changesPerSecond, link } from "../live/connection.js";
import { Glyph } from "../parts/glyph.js";
import { numbersHidden, switchNumbers } from "./mask.js";
import { address, Link, type View } from "./router.js";
import { type Identity, identity, isShown, signOut } from "./session.js";
import { isDark, switchTheme } from "./theme.js";

const TABS: { view: View; name: string }[] = [
  { view: "queues", name: "Queues" },
  { view: "callbacks", name: "Callbacks" },
  { view: "outcomes", name: "Outcomes" },
];

export function Header({ onSheet }: { onSheet: () => void }): JSX.Element {
  const who = identity.value;
  const isIn = who !== null && isShown(who);
  return (
    <header class="top">
      <Link class="brand" to="/ui/queues">
        <Glyph name="logo" />
        Ringback
      </Link>
      {isIn && <Tabs />}
      <div class="stat">
        {isIn && (
          <>
            <Connection />
            <span class="clock x3">
              <Clock />
            </span>
            <span class="x1">
              <Numbers masked={who.masked} />
            </span>
            {who.signedIn && (
              <span class="who x2">
                <Who who={who} />
              </span>
            )}
          </>
        )}
        <Theme />
        {isIn && <More who={who} onSheet={onSheet} />}
      </div>
    </header>
  );
}

function Tabs(): JSX.Element {
  const { view } = address.value;
  const shown = view === "callback" || view === "task" ? "callbacks" : view;
  return (
    <nav class="tabs" aria-label="Views">
      {TABS.map((tab) => (
        <Link key={tab.view} to={`/ui/${tab.view}`} aria-current={tab.view === shown ? "page" : undefined}>
          {tab.name}
        </Link>
      ))}
    </nav>
  );
}

/** Announced when it changes: so the rate of changes stands outside. */
function Connection(): JSX.Element {
  const state = link.value;
  return (
    <>
      {state.kind === "live" && (
        <span class="x2">
          <Glyph name="check" />
          Serving
        </span>
      )}
      <span>
        <span class={`conn c-${state.kind}`} role="status">
          <ConnectionWord />
        </span>
        {state.kind === "live" && <span class="sub x2">{withCommas(changesPerSecond.value)} changes/s</span>}
      </span>
    </>
  );
}

function ConnectionWord(): JSX.Element {
  const state = link.value;
  switch (state.kind) {
    case "live":
      return (
        <>
          <Glyph name="s-connected" />
          Live
        </>
      );
    case "connecting":
      return (
        <>
          <Glyph name="s-cancelling" />
          {state.wasLost ? "Reconnecting" : "Connecting"}
        </>
      );
    case "lost":
      return (
        <>
          <Glyph name="s-failed" />
          Disconnected <span class="x3">since {timeOfDay(state.since, zone)}</span>
        </>
      );
    case "refused":
      return (
        <>
          <Glyph name="o-noauth" />
          Refused
        </>
      );
  }
}

function Clock(): JSX.Element {
  return (
    <>
      <b>{timeOfDay(now.value, zone)}</b>{" "}
      <span title={`All times are in the zone ${zone}, by the server's clock.`}>{zoneCity(zone)}</span>
    </>
  );
}

/** What the role masks cannot be shown; what it shows can be hidden here. */
function Numbers({ masked }: { masked: boolean }): JSX.Element {
  if (masked) {
    return (
      <span title="The server masks numbers for your role.">
        <Glyph name="hidden" /> Numbers masked
      </span>
    );
  }
  const hidden = numbersHidden.value;
  return (
    <button
      type="button"
      class="quiet"
      onClick={switchNumbers}
      aria-pressed={hidden}
      title="Hide numbers on this screen (m)"
    >
      <Glyph name={hidden ? "hidden" : "eye"} />
      {hidden ? "Numbers hidden" : "Numbers shown"}
    </button>
  );
}

function Who({ who }: { who: Identity }): JSX.Element {
  const isBusy = useSignal(false);
  const leave = async () => {
    if (isBusy.value) return;
    isBusy.value = true;
    await signOut().catch(() => (isBusy.value = false));
  };
  return (
    <>
      <span class="name" title={who.callerIds.length ? `Speaks for ${who.callerIds.join(", ")}` : undefined}>
        {who.name}
      </span>
      {who.roles.map((role) => (
        <span key={role} class="role">
          {role}
        </span>
      ))}
      {who.canSignOut && (
        <button
          type="button"
          class="quiet icon"
          onClick={() => void leave()}
          title="Sign out"
          aria-disabled={isBusy.value}
        >
          <Glyph name="leave" title="Sign out" />
        </button>
      )}
    </>
  );
}

function Theme(): JSX.Element {
  const to = isDark.value ? "light" : "dark";
  return (
    <button type="button" class="quiet icon" onClick={switchTheme} title="Light or dark (t)">
      <Glyph name={isDark.value ? "sun" : "moon"} title={`Switch to ${to}`} />
    </button>
  );
}

/** What a narrow screen has no room for. */
function More({ who, onSheet }: { who: Identity; onSheet: () => void }): JSX.Element {
  const isOpen = useSignal(false);
  return (
    <>
      <button type="button" class="quiet icon more-button" popovertarget="more" title="More">
        <Glyph name="more" title="More" />
      </button>
      <div
        id="more"
        class="more"
        popover="auto"
        onBeforeToggle={({ newState }) => (isOpen.value = newState === "open")}
      >
        {isOpen.value && <MoreOfIt who={who} onSheet={onSheet} />}
      </div>
    </>
  );
}

function MoreOfIt({ who, onSheet }: { who: Identity; onSheet: () => void }): JSX.Element {
  return (
    <>
      <p class="clock">
        <Clock />
      </p>
      <p>
        <Numbers masked={who.masked} />
      </p>
      {who.signedIn && (
        <p class="who">
          <Who who={who} />
        </p>
      )}
      <p>
        <button type="button" class="quiet" popovertarget="more" popovertargetaction="hide" onClick={onSheet}>
          <kbd>?</kbd> All keys
        </button>
      </p>
    </>
  );
}
