// Where a person signs in with a token.
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";

import { type Refusal, refusalOf } from "../api/errors.js";
import { Glyph } from "../parts/glyph.js";
import { signIn } from "./session.js";

/** `again`: who is signed in, or was until now. */
export function SignIn({ again = "", hasEnded = false }: { again?: string; hasEnded?: boolean }): JSX.Element {
  const field = useRef<HTMLInputElement>(null);
  const isBusy = useSignal(false);
  const refusal = useSignal<Refusal | null>(null);
  useEffect(() => field.current?.focus(), []);
  const submit = async (event: Event) => {
    event.preventDefault();
    const token = field.current?.value.trim() ?? "";
    if (!token || isBusy.value) return;
    isBusy.value = true;
    refusal.value = null;
    try {
      await signIn(token);
    } catch (error) {
      refusal.value = refusalOf(error);
      field.current?.select();
    } finally {
      isBusy.value = false;
    }
  };
  return (
    <form class="msg sign-in" onSubmit={(event) => void submit(event)} aria-labelledby="sign-in-title">
      <h1 id="sign-in-title">{again ? "Sign in again" : "Sign in to Ringback"}</h1>
      <p>
        {hasEnded && `The session of ${again} has ended. Everything is as you left it when you are back. `}
        The token is exchanged for a session of this browser, and kept nowhere else.
      </p>
      <label for="token">Token</label>
      <input
        id="token"
        ref={field}
        type="password"
        autocomplete="current-password"
        spellcheck={false}
        required
        aria-invalid={refusal.value !== null}
        aria-describedby="sign-in-fault"
      />
      <p id="sign-in-fault" class="fault" role="alert">
        {refusal.value && (
          <>
            <Glyph name="warn" /> {inWords(refusal.value)}
          </>
        )}
      </p>
      <p class="row">
        <button class="prim" type="submit" aria-disabled={isBusy.value}>
          {isBusy.value ? "Signing in …" : "Sign in"}
        </button>
      </p>
      <p class="note">A token is what your administrator gave you, or what the CLI has in its token file.</p>
    </form>
  );
}

function inWords({ code, message }: Refusal): string {
  if (code === "UNAUTHENTICATED")
    return "The server does not accept this token. It may have been replaced, or have ended.";
  return message;
}
