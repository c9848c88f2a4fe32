import type { JSX } from "preact";

import { Loading } from "../parts/messages.js";

export function CallbackView(): JSX.Element {
  return <Loading text="Reading the first picture." />;
}
