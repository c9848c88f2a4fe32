// The acts on one callback, as buttons and keys. Those that are off say why.
import type { JSX } from "preact";
import type { Callback } from "ringback/v1/callback_pb.js";

import { useKeys } from "../app/keys.js";
import { ActButton, openCancel, openChange, openReschedule, whyNotNow, whyOff } from "./acts.js";

const ACTS = [
  { act: "reschedule", rpc: "UpdateCallback", keys: "r", open: openReschedule, word: "Reschedule" },
  { act: "change", rpc: "UpdateCallback", keys: "e", open: openChange, word: "Change" },
  { act: "cancel", rpc: "CancelCallback", keys: "x", open: openCancel, word: "Cancel callback" },
] as const;

export function CallbackActs({ callback }: { callback: Callback }): JSX.Element {
  useKeys(
    ACTS.map(({ act, rpc, keys, open }) => ({
      keys,
      does: `${act} …`,
      run: () => open(callback),
      when: () => whyOff(rpc) === "" && whyNotNow(act, callback) === "",
    })),
  );
  return (
    <div class="act">
      {ACTS.map(({ act, rpc, keys, open, word }) => (
        <ActButton
          key={act}
          rpc={rpc}
          shortcut={keys}
          danger={act === "cancel"}
          disabledBecause={whyNotNow(act, callback)}
          onAct={() => open(callback)}
        >
          {word}
        </ActButton>
      ))}
    </div>
  );
}
