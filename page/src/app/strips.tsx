// The strips under the header: what is wrong with the connection, since when, and what was missed.
import { useSignal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { useEffect } from "preact/hooks";

import { timeOfDay } from "../model/times.js";
import { counted } from "../model/words.js";
import { now, zone } from "../live/clock.js";
import { dismissNotice, link, reconnectNow } from "../live/connection.js";
import { Glyph, type GlyphName } from "../parts/glyph.js";
import { identity } from "./session.js";
import { SignInAgain } from "./sign-in-again.js";

// A return to the tab is no news.
const PATIENCE_MS = 1_000;
const SESSION_WARNING_MS = 5 * 60_000;

export function Strips(): JSX.Element {
  return (
    <div class="strips">
      <LostStrip />
      <div role="status">
        <NewsStrip />
        <SessionStrip />
      </div>
    </div>
  );
}

function LostStrip(): JSX.Element | null {
  const state = link.value;
  const left = useSecondsUntil(state.kind === "lost" ? state.retryAt : null);
  if (state.kind !== "lost") return null;
  return (
    <Strip
      kind="bad"
      glyph="s-failed"
      role="alert"
      actions={
        <button type="button" onClick={reconnectNow}>
          Reconnect now
        </button>
      }
    >
      <b>Disconnected since {timeOfDay(state.since, zone)}.</b> Everything below is as of then. Changes are switched
      off.{" "}
      <span aria-hidden="true">
        Next try in {left} s (the {ordinal(state.tries)}). <span class="x3">{state.why}</span>
      </span>
    </Strip>
  );
}

/** Announced, but nothing is interrupted by it. */
function NewsStrip(): JSX.Element | null {
  const state = link.value;
  if (state.kind === "connecting") {
    return <ConnectingStrip key={String(state.since)} since={state.since} wasLost={state.wasLost} />;
  }
  if (state.kind !== "live") return null;
  const dismiss = (
    <button type="button" class="quiet" onClick={dismissNotice}>
      Dismiss
    </button>
  );
  if (state.anew) {
    return (
      <Strip kind="warn" glyph="warn" actions={dismiss}>
        <b>Begun anew at {timeOfDay(now.peek(), zone)}.</b> The server's history does not reach back to when this page
        was last connected. Everything is read again; what happened between is not told.
      </Strip>
    );
  }
  if (!state.caughtUp) return null;
  const { changes, at, since } = state.caughtUp;
  return (
    <Strip kind="live" glyph="check" actions={dismiss}>
      <b>Caught up at {timeOfDay(at, zone)}.</b> {counted(changes, "change")} since {timeOfDay(since, zone)}, none lost.
    </Strip>
  );
}

function ConnectingStrip({ since, wasLost }: { since: number | null; wasLost: boolean }): JSX.Element | null {
  const isDue = useSignal(wasLost);
  useEffect(() => {
    const timer = setTimeout(() => (isDue.value = true), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, []);
  if (!isDue.value || since === null) return null;
  return (
    <Strip kind="warn" glyph="s-cancelling">
      <b>Reconnecting</b> and resuming from {timeOfDay(since, zone)}. The page stays as of then until it has caught up.
    </Strip>
  );
}

/** A session's end is told before it comes, so that nobody is interrupted by it. */
function SessionStrip(): JSX.Element | null {
  const who = identity.value;
  const isAsking = useSignal(false);
  if (!who?.endsAt || !who.signedIn || who.endsAt - now.value > SESSION_WARNING_MS) return null;
  const again = who.canSignOut && (
    <button type="button" onClick={() => (isAsking.value = true)}>
      Sign in again
    </button>
  );
  return (
    <>
      <Strip kind="warn" glyph="o-noauth" actions={again}>
        <b>Your session ends at {timeOfDay(who.endsAt, zone)}.</b> Sign in again before, and nothing is interrupted.
      </Strip>
      <SignInAgain isOpen={isAsking} />
    </>
  );
}

function Strip(props: {
  kind: "bad" | "warn" | "live";
  glyph: GlyphName;
  role?: "alert";
  actions?: ComponentChildren;
  children: ComponentChildren;
}): JSX.Element {
  return (
    <div class={`strip s-${props.kind}`} {...(props.role && { role: props.role })}>
      <Glyph name={props.glyph} />
      <p>{props.children}</p>
      {props.actions}
    </div>
  );
}

/** By this machine's clock: the page's stands still. */
function useSecondsUntil(at: number | null): number {
  const left = useSignal(secondsUntil(at));
  useEffect(() => {
    left.value = secondsUntil(at);
    if (at === null) return undefined;
    const timer = setInterval(() => (left.value = secondsUntil(at)), 250);
    return () => clearInterval(timer);
  }, [at]);
  return left.value;
}

function secondsUntil(at: number | null): number {
  return at === null ? 0 : Math.max(0, Math.ceil((at - Date.now()) / 1000));
}

function ordinal(count: number): string {
  const tens = count % 100;
  const suffix = tens >= 11 && tens <= 13 ? "th" : (["th", "st", "nd", "rd"][count % 10] ?? "th");
  return `${count}${suffix}`;
}
