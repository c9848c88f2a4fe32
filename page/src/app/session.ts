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

/** Null until it is known. */
export const identity: ReadonlySignal<Identity | null> = computed(() => found.value);
/** Why it is not known, if it could not be found out. */
export const sessionFailure: ReadonlySignal<Refusal | null> = computed(() => failed.value);

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

// Other tabs are told that the cookie has changed.
const channel = new BroadcastChannel("ringback-session");
channel.onmessage = () => void loadSession();

/** Find out who the browser is signed in as. */
export async function loadSession(): Promise<void> {
  try {
    const state = await callSession("GET");
    const mine = state.signed_in || !state.sign_in_needed ? await directory.getIdentity({}) : null;
    take({
      name: mine?.identity ?? "",
      roles: mine?.roles ?? [],
      masked: mine?.masked ?? false,
      callerIds: mine?.callerIds ?? [],
      allowed: new Set(mine?.allowedRpcs),
      signInNeeded: state.sign_in_needed,
      signedIn: state.signed_in,
      canSignOut: state.by === "session",
      endsAt: endOf(state),
    });
  } catch (error) {
    const refusal = refusalOf(error);
    // The cookie has ended between the two calls.
    if (refusal.code === "UNAUTHENTICATED") take(NOBODY);
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
  await afterChange();
}

export async function signOut(): Promise<void> {
  await callSession("DELETE");
  channel.postMessage("changed");
  // Nothing of what was read is to stay in memory.
  globalThis.location.reload();
}

/** The server has refused the credentials: a person is to sign in again, and the picture stays. */
export function sessionEnded(): void {
  if (found.peek()?.signInNeeded ?? true) found.value = { ...NOBODY, name: found.peek()?.name ?? "" };
}

async function afterChange(): Promise<void> {
  channel.postMessage("changed");
  await loadSession();
}

/** The first one, or the same one again, or another one: who sees something else gets another page. */
function take(next: Identity): void {
  const before = shownTo;
  failed.value = null;
  if (next.signedIn || !next.signInNeeded) {
    const key = keyOf(next);
    if (before !== null && before !== key) return globalThis.location.reload();
    shownTo = key;
    const again = found.peek() !== null;
    found.value = next;
    if (again) sessionChanged();
    return;
  }
  found.value = next;
}

/** Two identities with the same key are shown the same. */
export function keyOf({ name, roles, masked, callerIds, allowed }: Identity): string {
  return JSON.stringify([name, roles, masked, callerIds, [...allowed].sort()]);
}

/** Whose data the page has. */
let shownTo: string | null = null;

function endOf({ ends_at }: SessionState): number | null {
  const end = ends_at === null ? Number.NaN : Date.parse(ends_at);
  return Number.isNaN(end) ? null : end;
}
