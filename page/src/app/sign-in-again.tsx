// Signing in again while the page is open: before the session ends, or after.
import type { Signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";

import { hasEnded, identity } from "./session.js";
import { SignIn } from "./sign-in.js";

/** Asked for by a person, who may leave it. */
export function SignInAgain({ isOpen }: { isOpen: Signal<boolean> }): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  const { endsAt, name = "" } = identity.value ?? {};
  // Who has signed in again has another end.
  useEffect(() => {
    isOpen.value = false;
  }, [endsAt]);
  useLayoutEffect(() => {
    if (isOpen.value) dialog.current?.showModal();
    else dialog.current?.close();
  }, [isOpen.value]);
  return (
    <dialog ref={dialog} onClose={() => (isOpen.value = false)} aria-labelledby="sign-in-title">
      {isOpen.value && <SignIn again={name} />}
    </dialog>
  );
}

/** In front of everything, and nothing behind it can be read. What somebody was typing there is not lost. */
export function SessionOver(): JSX.Element | null {
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    if (hasEnded.value) dialog.current?.showModal();
  }, [hasEnded.value]);
  if (!hasEnded.value) return null;
  return (
    <dialog
      ref={dialog}
      class="over"
      aria-labelledby="sign-in-title"
      onCancel={(event) => event.preventDefault()}
      // Browsers close it all the same when Escape is pressed twice.
      onClose={({ currentTarget }) => currentTarget.showModal()}
    >
      <SignIn again={identity.value?.name ?? ""} hasEnded />
    </dialog>
  );
}
