// A target. The groups of its digits are set apart by style, so that what is copied and searched for is the number.
import type { JSX } from "preact";

import { shownTarget } from "../app/mask.js";
import { targetGroups } from "../model/number-groups.js";

export function Target({ uri }: { uri: string }): JSX.Element {
  if (!uri) return <span class="sub">erased</span>;
  const shown = shownTarget(uri);
  const [only = "", ...more] = targetGroups(shown);
  if (more.length === 0) return <span class="target">{only}</span>;
  return (
    <span class="target">
      {[only, ...more].map((group, index) => (
        <span key={index}>{group}</span>
      ))}
    </span>
  );
}
