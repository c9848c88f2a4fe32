// The one sprite of the page: each glyph is a silhouette of its own, so that none needs its colour.
import type { JSX } from "preact";

const GLYPHS = {
  logo: (
    <>
      <path d="M2.5 8a5.5 5.5 0 1 1 1.6 3.9" />
      <path d="M2 12.6l2.1-.7.7 2.1" />
      <circle cx="8" cy="8" r="1.6" fill="currentColor" stroke="none" />
    </>
  ),
  "s-scheduled": (
    <>
      <circle cx="8" cy="8" r="5.6" />
      <path d="M8 5v3.2l2.2 1.3" />
    </>
  ),
  "s-queued": <path d="M3 4.5h10M3 8h10M3 11.5h6" />,
  "s-offered": <path d="M8 2.5 13.5 8 8 13.5 2.5 8z" />,
  "s-dialing": (
    <>
      <circle cx="4.2" cy="11.8" r="1.3" fill="currentColor" stroke="none" />
      <path d="M4.2 7.6a4.2 4.2 0 0 1 4.2 4.2M4.2 3.4a8.4 8.4 0 0 1 8.4 8.4" />
    </>
  ),
  "s-connected": <circle cx="8" cy="8" r="5.4" fill="currentColor" />,
  "s-cancelling": (
    <>
      <circle cx="8" cy="8" r="5.6" stroke-dasharray="2.6 2.2" />
      <path d="M6 6l4 4M10 6l-4 4" />
    </>
  ),
  "s-completed": <path d="M3 8.6l3.2 3.2L13 4.6" />,
  "s-failed": <path d="M4 4l8 8M12 4l-8 8" />,
  "s-cancelled": (
    <>
      <circle cx="8" cy="8" r="5.6" />
      <path d="M4.2 11.8l7.6-7.6" />
    </>
  ),
  "s-expired": <path d="M4.5 2.5h7M4.5 13.5h7M5 2.5c0 3.5 6 7 6 11M11 2.5c0 3.5-6 7-6 11" />,
  "o-answered": (
    <>
      <circle cx="8" cy="8" r="6" fill="currentColor" stroke="none" />
      <path d="M5.2 8.2l2 2 3.6-4" stroke="var(--surface)" />
    </>
  ),
  "o-busy": <path d="M4 3.5v9M8 3.5v9M12 3.5v9" stroke-width="2" />,
  "o-noans": <circle cx="8" cy="8" r="5.4" />,
  "o-unreach": (
    <>
      <circle cx="8" cy="8" r="5" />
      <path d="M2.6 13.4 13.4 2.6" />
    </>
  ),
  "o-declined": <path d="M4 4l8 8M12 4l-8 8" stroke-width="2" />,
  "o-net": <path d="M9.5 2 4.5 9h3.6L6.5 14l5-7H8z" fill="currentColor" stroke-width="1" />,
  "o-machine": (
    <>
      <circle cx="4.4" cy="8" r="2.9" />
      <circle cx="11.6" cy="8" r="2.9" />
      <path d="M4.4 10.9h7.2" />
    </>
  ),
  "o-aband": (
    <>
      <circle cx="8" cy="8" r="5.4" />
      <path d="M8 2.6a5.4 5.4 0 0 1 0 10.8z" fill="currentColor" />
    </>
  ),
  "o-interr": <path d="M2 8h4M10 8h4M7 4.5 6 11.5M10 4.5 9 11.5" />,
  "o-invalid": <path d="M6 2.5 4.8 13.5M11.2 2.5 10 13.5M2.8 6h10.6M2.4 10.2H13" />,
  "o-blocked": (
    <>
      <circle cx="8" cy="8" r="6" fill="currentColor" stroke="none" />
      <path d="M5 8h6" stroke="var(--surface)" stroke-width="2.2" />
    </>
  ),
  "o-noauth": (
    <>
      <rect x="3.5" y="7" width="9" height="6.5" rx="1" />
      <path d="M5.5 7V5a2.5 2.5 0 0 1 5 0v2" />
    </>
  ),
  warn: (
    <>
      <path d="M8 2.2 14.4 13.4H1.6z" />
      <path d="M8 6.4v3.2M8 11.5v.1" />
    </>
  ),
  pause: <path d="M5.5 3.5v9M10.5 3.5v9" stroke-width="2" />,
  moon: <path d="M13 9.5A5.5 5.5 0 0 1 6.5 3a5.5 5.5 0 1 0 6.5 6.5z" />,
  open: <circle cx="8" cy="8" r="3" fill="currentColor" stroke="none" />,
  find: (
    <>
      <circle cx="7" cy="7" r="4.2" />
      <path d="M10.2 10.2 14 14" />
    </>
  ),
  x: <path d="M4 4l8 8M12 4l-8 8" />,
  plus: <path d="M8 3v10M3 8h10" />,
  eye: (
    <>
      <path d="M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8z" />
      <circle cx="8" cy="8" r="1.8" />
    </>
  ),
  off: (
    <>
      <path d="M8 2v5" />
      <path d="M4.6 4.4a5 5 0 1 0 6.8 0" />
    </>
  ),
  sun: (
    <>
      <circle cx="8" cy="8" r="2.8" />
      <path d="M8 1.8v1.6M8 12.6v1.6M1.8 8h1.6M12.6 8h1.6M3.6 3.6l1.1 1.1M11.3 11.3l1.1 1.1M12.4 3.6l-1.1 1.1M4.7 11.3l-1.1 1.1" />
    </>
  ),
  hidden: (
    <>
      <path d="M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8z" />
      <path d="M3 13 13 3" />
    </>
  ),
  check: <path d="M3 8.6l3.2 3.2L13 4.6" />,
  back: <path d="M9.5 3.5 5 8l4.5 4.5" />,
  link: (
    <path d="M6.8 9.2a2.6 2.6 0 0 0 3.7 0l2.3-2.3a2.6 2.6 0 0 0-3.7-3.7l-.9.9M9.2 6.8a2.6 2.6 0 0 0-3.7 0L3.2 9.1a2.6 2.6 0 0 0 3.7 3.7l.9-.9" />
  ),
  copy: (
    <>
      <rect x="5.5" y="5.5" width="8" height="8" rx="1" />
      <path d="M10.5 5.5v-3h-8v8h3" />
    </>
  ),
  unknown: (
    <>
      <path d="M5.6 6a2.4 2.4 0 1 1 3.4 2.2c-.7.3-1 .8-1 1.6" />
      <path d="M8 12.4v.1" />
    </>
  ),
  more: <path d="M3 4.5h10M3 8h10M3 11.5h10" />,
  leave: <path d="M6.5 2.5h-4v11h4M6.5 8h7M10.8 5.2 13.5 8l-2.7 2.8" />,
  change: <path d="M3 13l.6-2.8 7.3-7.3 2.2 2.2-7.3 7.3zM9.5 4.3l2.2 2.2" />,
} satisfies Record<string, JSX.Element>;

export type GlyphName = keyof typeof GLYPHS;

/** Mounted once; what `Glyph` shows is in it. */
export function Sprite(): JSX.Element {
  return (
    <svg class="sprite" aria-hidden="true">
      {Object.entries(GLYPHS).map(([name, shape]) => (
        <symbol key={name} id={`g-${name}`} viewBox="0 0 16 16">
          {shape}
        </symbol>
      ))}
    </svg>
  );
}

/** A glyph of the size of the text. Without a title it is decoration, and a word is to stand beside it. */
export function Glyph({ name, title, class: added }: { name: GlyphName; title?: string; class?: string }): JSX.Element {
  const use = <use href={`#g-${name}`} />;
  const classes = added ? `g ${added}` : "g";
  if (!title) {
    return (
      <svg class={classes} aria-hidden="true">
        {use}
      </svg>
    );
  }
  return (
    <svg class={classes} role="img" aria-label={title}>
      <title>{title}</title>
      {use}
    </svg>
  );
}
