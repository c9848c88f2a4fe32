import type { JSX } from "preact";

import { Link } from "../app/router.js";
import { Empty } from "../parts/messages.js";

/** `what`: an id, or a task and its caller. */
export function NotFound({ what }: { what: string }): JSX.Element {
  return (
    <Empty
      title="No such callback"
      actions={
        <Link class="btn" to="/ui/callbacks">
          Back to callbacks
        </Link>
      }
    >
      <span class="text">{what}</span> is not known here, or your role may not see it. Ended callbacks are kept for a
      limited time.
    </Empty>
  );
}
