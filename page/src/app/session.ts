// Who looks at the page, and what they may do.
import { computed, type ReadonlySignal, signal } from "@preact/signals";

import { directory } from "../api/clients.js";
import { type Refusal, refusalOf } from "../api/errors.js";
import { callSession, type SessionState } from "../api/session.js";
import { sessionChanged } from "../live/connection.js";

export interface Identity {
  /** "" on a server without identities. */
  name: string;
  roles: string[];
  masked: boolean;
  callerIds: string[];
  /** Names of RPCs. */
  allowed: ReadonlySet<string>;
  signInNeeded: boolean;
  signedIn: boolean;
  /** By a cookie that can be given back; not by a certificate. */
  canSignOut: boolean;
  /** Milliseconds since 1970; null where there is no end. */
  endsAt: number | null;
}

const found = signal<Identity | null>(null);
const failed = signal<Refusal | null>(null);
const over = signal(false);

/** Null until it is known. */
export const identity: ReadonlySignal<Identity | null> = computed(() => found.value);
/** Why it is not known, if it could not be found out. */
export const sessionFailure: ReadonlySignal<Refusal | null> = computed(() => failed.value);

/** The session of that identity is over. What it has read stays where it is, for when it is back. */
export const hasEnded: ReadonlySignal<boolean> = computed(() => over.value);

/** Whether the identity may call an RPC, such as "CancelCallback", at least for some callbacks or services. */
export function may(rpc: string): boolean {
  return found.value?.allowed.has(rpc) ?? false;
}

const CHANGE = "callers and operators";
const WHO_MAY: Record<string, string> = {
  CreateCallback: CHANGE,
  UpdateCallback: CHANGE,
  CancelCallback: CHANGE,
  ResolveCallbacks: CHANGE,
  ListCallbacks: "callers, viewers and operators",
  GetCallback: "callers, viewers and operators",
  ListCallbackEvents: "callers, viewers and operators",
};

/** Who may, in words: "operators and callers". */
export function whoMay(rpc: string): string {
  return WHO_MAY[rpc] ?? "operators";
}

type Told = "in" | "out";

// Other tabs have the same cookie.
const channel = new BroadcastChannel("ringback-session");
channel.onmessage = ({ data }: MessageEvent<Told>) => {
  if (data === "out") globalThis.location.reload();
  else void loadSession({ renewed: true });
};

/** Find out who the browser is signed in as. `renewed`: there is another session now, and streams of the last one end. */
export async function loadSession({ renewed = false } = {}): Promise<void> {
  try {
    const state = await callSession("GET");
    const mine = state.signed_in || !state.sign_in_needed ? await directory.getIdentity({}) : null;
    const next: Identity = {
      name: mine?.identity ?? "",
      roles: mine?.roles ?? [],
      masked: mine?.masked ?? false,
      callerIds: mine?.callerIds ?? [],
      allowed: new Set(mine?.allowedRpcs),
      signInNeeded: state.sign_in_needed,
      signedIn: state.signed_in,
      canSignOut: state.by === "session",
      endsAt: endOf(state),
    };
    take(next, renewed);
  } catch (error) {
    const refusal = refusalOf(error);
    // The cookie has ended between the two calls.
    if (refusal.code === "UNAUTHENTICATED") take(NOBODY, renewed);
    else failed.value = refusal;
  }
}

const NOBODY: Identity = {
  name: "",
  roles: [],
  masked: false,
  callerIds: [],
  allowed: new Set(),
  signInNeeded: true,
  signedIn: false,
  canSignOut: false,
  endsAt: null,
};

/** Sign in with a token. Throws a `ConnectError`. */
export async function signIn(token: string): Promise<void> {
  await callSession("POST", { token });
  tell("in");
  await loadSession({ renewed: true });
}

/** Sign out. Throws a `ConnectError`. */
export async function signOut(): Promise<void> {
  await callSession("DELETE");
  tell("out");
  // Nothing of what was read is to stay in memory.
  globalThis.location.reload();
}

function tell(what: Told): void {
  channel.postMessage(what);
}

/** The server has refused the credentials. */
export function sessionEnded(): void {
  if (found.peek()?.signedIn) over.value = true;
  else found.value = NOBODY;
}

function take(next: Identity, renewed: boolean): void {
  failed.value = null;
  const before = found.peek();
  const wasShown = before !== null && isShown(before);
  if (!isShown(next)) {
    if (wasShown) over.value = true;
    else found.value = next;
    return;
  }
  // Who sees something else gets another page.
  if (wasShown && keyOf(before) !== keyOf(next)) return globalThis.location.reload();
  const hadEnded = over.peek();
  found.value = next;
  over.value = false;
  if (wasShown && (renewed || hadEnded)) sessionChanged();
}

/** Whether there is somebody to whom something may be shown. */
export function isShown({ signedIn, signInNeeded }: Identity): boolean {
  return signedIn || !signInNeeded;
}

/** Two identities with the same key are shown the same. */
export function keyOf({ name, roles, masked, callerIds, allowed }: Identity): string {
  return JSON.stringify([name, roles, masked, callerIds, [...allowed].sort()]);
}

function endOf({ ends_at }: SessionState): number | null {
  const end = ends_at === null ? Number.NaN : Date.parse(ends_at);
  return Number.isNaN(end) ? null : end;
}
