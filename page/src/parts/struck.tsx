// Parameters of the address that say nothing here: struck through and with the reason, never dropped in silence.
import type { JSX } from "preact";

import { Glyph } from "./glyph.js";

export interface StruckToken {
  param: string;
  value: string;
  reason: string;
}

export function StruckTokens({
  tokens,
  onRemove,
}: {
  tokens: readonly StruckToken[];
  onRemove: (token: StruckToken) => void;
}): JSX.Element | null {
  if (tokens.length === 0) return null;
  return (
    <ul class="struck" aria-label="Parameters of the address that do not count">
      {tokens.map((token) => (
        <li key={`${token.param} ${token.value}`} class="tok">
          <s>
            {token.param}={token.value}
          </s>
          <span class="sub">{token.reason}</span>
          <button type="button" class="quiet icon" onClick={() => onRemove(token)}>
            <Glyph name="x" title={`Remove ${token.param} from the address`} />
          </button>
        </li>
      ))}
    </ul>
  );
}
