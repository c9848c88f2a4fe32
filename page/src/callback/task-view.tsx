import type { JSX } from "preact";

import { Loading } from "../parts/messages.js";

export function TaskView(): JSX.Element {
  return <Loading text="Reading the first picture." />;
}
