// A modal dialog: the browser's own, so that what is behind it is out of reach for keys and screen readers.
import type { ComponentChildren, JSX } from "preact";
import { useId, useLayoutEffect, useRef } from "preact/hooks";

/** `onClose`: by Escape. The element with `data-first` has the focus at first, or else the title. */
export function Dialog(props: {
  title: ComponentChildren;
  onClose: () => void;
  class?: string;
  /** The id of what describes it. */
  describedBy?: string;
  children: ComponentChildren;
}): JSX.Element {
  const { title, onClose, children } = props;
  const element = useRef<HTMLDialogElement>(null);
  const close = useRef(onClose);
  close.current = onClose;
  const titleId = useId();
  // With what is drawn, and not some time later: what is typed after the key that opens it belongs into it.
  useLayoutEffect(() => {
    const dialog = element.current;
    if (!dialog) return undefined;
    const before = document.activeElement;
    const closed = (): void => close.current();
    // Some browsers close it without a `cancel` when Escape is pressed twice.
    dialog.addEventListener("close", closed);
    dialog.showModal();
    (dialog.querySelector<HTMLElement>("[data-first]") ?? dialog.querySelector<HTMLElement>("h1"))?.focus();
    return () => {
      dialog.removeEventListener("close", closed);
      dialog.close();
      // The browser gives the focus back to what had it only while the dialog is in the document, where it is not any more.
      const isLost = document.activeElement === null || document.activeElement === document.body;
      if (isLost) giveBack(before);
    };
  }, []);
  return (
    <dialog
      ref={element}
      class={props.class ?? ""}
      aria-labelledby={titleId}
      {...(props.describedBy !== undefined && { "aria-describedby": props.describedBy })}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      <h1 id={titleId} tabIndex={-1}>
        {title}
      </h1>
      {children}
    </dialog>
  );
}

/** What had the focus has it again; where that has gone meanwhile, the view has it. */
function giveBack(before: Element | null): void {
  const isThere = before instanceof HTMLElement && before.isConnected && before !== document.body;
  (isThere ? before : document.getElementById("main"))?.focus({ preventScroll: true });
}
