// The life of a callback as a list, the oldest entry first.
import type { ComponentChildren, JSX } from "preact";

import { zone } from "../live/clock.js";
import type { AttemptLife, Phase } from "../model/attempt-life.js";
import type { Entry } from "../model/entries.js";
import { measured } from "../model/plain-spans.js";
import { clockTime, fullTime, isoTime } from "../model/times.js";
import { Glyph } from "../parts/glyph.js";

/** `box`: what the server says of the state of now. `trace`: the link to the messages of an attempt. */
export function Timeline(props: {
  entries: readonly Entry[];
  now: number;
  box: ComponentChildren;
  trace: (attempt: AttemptLife) => ComponentChildren;
}): JSX.Element {
  return (
    <ol class="tl">
      {props.entries.map((entry) => (
        <li key={entry.key} class={CLASSES[entry.place]} {...(entry.place === "now" && { "aria-current": "step" })}>
          <Left entry={entry} now={props.now} />
          <span class="dot">{entry.glyph && <Glyph name={entry.glyph} />}</span>
          <div>
            {entry.place === "gap" ? (
              entry.text
            ) : (
              <h2>
                {entry.title} {entry.text !== "" && <span class="sub">{entry.text}</span>}
              </h2>
            )}
            {entry.attempt && <Attempt life={entry.attempt} trace={props.trace(entry.attempt)} />}
            {entry.place === "now" && props.box}
          </div>
        </li>
      ))}
    </ol>
  );
}

const CLASSES: Readonly<Record<Entry["place"], string>> = { past: "", gap: "gapl", now: "now", future: "fut" };

/** The time, or the length of a gap. */
function Left({ entry, now }: { entry: Entry; now: number }): JSX.Element {
  if (entry.length !== undefined) return <span class="when">{entry.length}</span>;
  if (entry.at === null) return <span class="when" />;
  return (
    <time class="when" dateTime={isoTime(entry.at)} title={fullTime(entry.at, zone)}>
      {clockTime(entry.at, now, zone)}
    </time>
  );
}

function Attempt({ life, trace }: { life: AttemptLife; trace: ComponentChildren }): JSX.Element {
  const { agent, disposition, detail, callIds } = life;
  return (
    <>
      <Bar phases={life.phases} />
      <p class="parts">
        {life.facts.map(({ label, value }) => (
          <span key={label}>
            {label} {value !== "" && <b>{value}</b>}
          </span>
        ))}
      </p>
      {(agent !== "" || disposition !== "") && (
        <p class="parts">
          {agent !== "" && (
            <span>
              agent <b class="text">{agent}</b>
            </span>
          )}
          {disposition !== "" && (
            <span>
              disposition <b class="text">{disposition}</b>
            </span>
          )}
        </p>
      )}
      {detail !== "" && <p class="sub text">{detail}</p>}
      {callIds.length > 0 && (
        <p class="sub ids">
          Call-ID <span class="mono">{callIds.join(", ")}</span> {trace}
        </p>
      )}
    </>
  );
}

const WORDS: Readonly<Record<Phase["kind"], string>> = { setup: "set-up", ring: "ringing", talk: "talking" };
const SHAPES: Readonly<Record<Phase["kind"], string>> = { setup: "set", ring: "ring", talk: "talk" };

/** Widths are shares of the longest attempt of this callback. What it shows is said in words beside it. */
function Bar({ phases }: { phases: readonly Phase[] }): JSX.Element | null {
  const drawn = phases.filter(({ ms }) => ms > 0);
  if (drawn.length === 0) return null;
  return (
    <div class="att-b" aria-hidden="true">
      {drawn.map(({ kind, ms, share }) => (
        <i
          key={kind}
          class={SHAPES[kind]}
          style={{ width: `${String(share * 100)}%` }}
          title={`${WORDS[kind]} ${measured(ms)}`}
        />
      ))}
    </div>
  );
}
