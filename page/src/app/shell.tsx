// The frame of every view: header, strips, the view, and the footer of keys.
import { useSignal } from "@preact/signals";
import type { JSX, RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";

import { Dialogs } from "../acts/acts.js";
import { CallbackView } from "../callback/callback-view.js";
import { TaskView } from "../callback/task-view.js";
import { CallbacksView } from "../callbacks/callbacks-view.js";
import { link } from "../live/connection.js";
import { OutcomesView } from "../outcomes/outcomes-view.js";
import { Sprite } from "../parts/glyph.js";
import { Empty, Loading, Refused } from "../parts/messages.js";
import { QueuesView } from "../queues/queues-view.js";
import { Header } from "./header.js";
import { Keys } from "./footer.js";
import { KeySheet } from "./key-sheet.js";
import { useKeys } from "./keys.js";
import { switchNumbers } from "./mask.js";
import { address, go, Link, setQuery, type View } from "./router.js";
import { hasEnded, identity, isShown, loadSession, may, sessionFailure } from "./session.js";
import { SessionOver } from "./sign-in-again.js";
import { SignIn } from "./sign-in.js";
import { Strips } from "./strips.js";
import { switchTheme } from "./theme.js";
import { useTitle } from "./title.js";

export function Shell(): JSX.Element {
  const sheetIsOpen = useSignal(false);
  const openSheet = () => (sheetIsOpen.value = true);
  useTitle();
  useRootState();
  const main = useFocus();
  useKeys([
    { keys: "g q", does: "go to Queues", run: () => go("/ui/queues") },
    { keys: "g c", does: "go to Callbacks", run: () => go("/ui/callbacks") },
    { keys: "g o", does: "go to Outcomes", run: () => go("/ui/outcomes") },
    { keys: "w", does: "wall board", run: switchWall },
    { keys: "t", does: "light or dark", run: switchTheme },
    { keys: "m", does: "hide numbers on this screen", run: switchNumbers },
    { keys: "?", does: "all keys", run: openSheet },
  ]);
  return (
    <>
      <Sprite />
      <a class="skip" href="#main">
        Skip to the view
      </a>
      <Header onSheet={openSheet} />
      <Strips />
      <main id="main" ref={main} tabIndex={-1}>
        <Content />
      </main>
      <Keys onSheet={openSheet} />
      <KeySheet isOpen={sheetIsOpen} />
      <Dialogs />
      <SessionOver />
    </>
  );
}

function Content(): JSX.Element {
  const who = identity.value;
  if (!who) {
    const failure = sessionFailure.value;
    if (!failure) return <Loading text="Asking who you are." />;
    const again = (
      <button type="button" class="prim" onClick={() => void loadSession()}>
        Try again
      </button>
    );
    return <Refused refusal={failure} title="The server did not say who you are" actions={again} />;
  }
  if (!isShown(who)) return <SignIn />;
  if (link.value.kind === "refused" && !hasEnded.value) return <Refused refusal={link.value.refusal} />;
  const { view } = address.value;
  const needed = NEEDED[view];
  if (needed && !may(needed)) return <NotForYou rpc={needed} />;
  return <Routed view={view} />;
}

/** What an identity has to be allowed to see a view. */
const NEEDED: Partial<Record<View, string>> = {
  queues: "WatchQueues",
  callbacks: "ListCallbacks",
  callback: "GetCallback",
  task: "GetCallback",
  outcomes: "GetOutcomes",
};

function Routed({ view }: { view: View }): JSX.Element {
  switch (view) {
    case "queues":
      return <QueuesView />;
    case "callbacks":
      return <CallbacksView />;
    case "callback":
      // Another callback is another view: nothing of the one before stays.
      return <CallbackView key={address.value.id} />;
    case "task":
      return <TaskView key={globalThis.location.pathname} />;
    case "outcomes":
      return <OutcomesView />;
    case "none":
      return <NoSuchPage />;
  }
}

function NotForYou({ rpc }: { rpc: string }): JSX.Element {
  const { name = "", roles = [] } = identity.value ?? {};
  const other = may("WatchQueues") && rpc !== "WatchQueues";
  const actions = other && (
    <Link class="btn" to="/ui/queues">
      Show the queues
    </Link>
  );
  return (
    <Empty title="Your role may not see this" actions={actions}>
      <p>
        The identity <b>{name}</b> has {roles.length ? `the role ${roles.join(", ")}` : "no role"}, which does not
        include <span class="mono">{rpc}</span>. Roles are in the server's access file.
      </p>
    </Empty>
  );
}

function NoSuchPage(): JSX.Element {
  const home = (
    <Link class="btn prim" to="/ui/queues">
      To the queues
    </Link>
  );
  return (
    <Empty title="No such page" actions={home}>
      <p>
        There is nothing at <span class="mono">{globalThis.location.pathname}</span>.
      </p>
    </Empty>
  );
}

function switchWall(): void {
  const { view, query } = address.peek();
  if (view !== "queues") go("/ui/queues?wall=1");
  else setQuery({ wall: query.get("wall") === "1" ? null : "1" });
}

/** Another view begins at its top, and has the focus, unless it has put it somewhere itself. */
function useFocus(): RefObject<HTMLElement | null> {
  const main = useRef<HTMLElement>(null);
  const { view, id } = address.value;
  const isFirst = useRef(true);
  useEffect(() => {
    if (isFirst.current) {
      isFirst.current = false;
      return;
    }
    if (!main.current || main.current.contains(document.activeElement)) return;
    main.current.scrollTop = 0;
    main.current.focus({ preventScroll: true });
  }, [view, id]);
  return main;
}

/** What styles go by: the view, the connection, the wall board. */
function useRootState(): void {
  const { view, query } = address.value;
  const isWall = view === "queues" && query.get("wall") === "1";
  const { kind } = link.value;
  useEffect(() => {
    const { dataset } = document.documentElement;
    dataset["view"] = view;
    dataset["conn"] = kind;
    if (isWall) dataset["wall"] = "on";
    else delete dataset["wall"];
  }, [view, isWall, kind]);
}
