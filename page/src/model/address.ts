// Addresses of the page. Pure.

export type View = "queues" | "callbacks" | "callback" | "task" | "outcomes" | "none";

export interface Address {
  view: View;
  /** Of "callback" its id, of "task" the caller id. */
  id: string;
  /** What comes after: of "task" the external task id. */
  rest: string[];
  query: URLSearchParams;
}

const ROOT = "/ui/";

/** What an address shows; "none" for one that shows nothing. */
export function parseAddress(path: string, search: string): Address {
  const query = new URLSearchParams(search);
  const none: Address = { view: "none", id: "", rest: [], query };
  if (!path.startsWith(ROOT)) return none;
  const parts = decoded(path.slice(ROOT.length));
  if (!parts) return none;
  const [first, ...more] = parts;
  if (first === "tasks") {
    const [caller, task] = more;
    return caller !== undefined && task ? { view: "task", id: caller, rest: more.slice(1), query } : none;
  }
  // A slash at the end is nothing more.
  if (more.at(-1) === "") more.pop();
  const [id, ...rest] = more;
  if (first === "callbacks" && id) return { view: "callback", id, rest, query };
  if (more.length || !(first === "queues" || first === "callbacks" || first === "outcomes")) return none;
  return { view: first, id: "", rest: [], query };
}

export function callbackPath(callbackId: string): string {
  return `${ROOT}callbacks/${encodeURIComponent(callbackId)}`;
}

export function taskPath(callerId: string, externalTaskId: string): string {
  return `${ROOT}tasks/${encodeURIComponent(callerId)}/${encodeURIComponent(externalTaskId)}`;
}

function decoded(path: string): string[] | null {
  try {
    return path.split("/").map(decodeURIComponent);
  } catch {
    return null;
  }
}
