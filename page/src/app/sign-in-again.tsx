// Signing in again while the page is open.
import type { Signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";

import { identity } from "./session.js";
import { SignIn } from "./sign-in.js";

export function SignInAgain({ isOpen }: { isOpen: Signal<boolean> }): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  const end = identity.value?.endsAt;
  // Who has signed in again has another end.
  useEffect(() => {
    isOpen.value = false;
  }, [end]);
  useEffect(() => {
    if (isOpen.value) dialog.current?.showModal();
    else dialog.current?.close();
  }, [isOpen.value]);
  return (
    <dialog ref={dialog} onClose={() => (isOpen.value = false)} aria-labelledby="sign-in-title">
      {isOpen.value && <SignIn />}
    </dialog>
  );
}
