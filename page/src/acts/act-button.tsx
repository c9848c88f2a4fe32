// The button of an act. Nobody is kept from seeing what could be done: a button that is off is dashed, and says why.
import type { ComponentChildren, JSX } from "preact";
import { useId } from "preact/hooks";

import { may, whoMay } from "../app/session.js";
import { canChange } from "../live/connection.js";

/** Return why an act is off for this identity now; "" where it is not. Read it where it is rendered. */
export function whyOff(rpc: string): string {
  if (!may(rpc)) return `Only ${whoMay(rpc)} can do this.`;
  return canChange.value ? "" : "Changes are off while the connection is lost.";
}

export function ActButton(props: {
  /** The RPC that it leads to, such as "CancelCallback". */
  rpc: string;
  /** The key that does the same. */
  shortcut?: string;
  danger?: boolean;
  primary?: boolean;
  /** Why it is not possible now although the identity may; "" where it is. */
  disabledBecause?: string | undefined;
  onAct: () => void;
  children: ComponentChildren;
}): JSX.Element {
  const { rpc, shortcut, disabledBecause, onAct, children } = props;
  const id = useId();
  const why = whyOff(rpc) || (disabledBecause ?? "");
  const classes = [props.danger && "danger", props.primary && "prim"].filter(Boolean).join(" ");
  return (
    <>
      <button
        type="button"
        class={classes}
        aria-disabled={why !== ""}
        {...(why !== "" && { "aria-describedby": id, title: why })}
        {...(shortcut !== undefined && { "aria-keyshortcuts": shortcut })}
        onClick={() => {
          if (why === "") onAct();
        }}
      >
        {children}
        {shortcut !== undefined && <kbd aria-hidden="true">{shortcut}</kbd>}
      </button>
      {why !== "" && (
        <span id={id} class="vh">
          {why}
        </span>
      )}
    </>
  );
}
