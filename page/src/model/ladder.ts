// SIP messages as a ladder: in order, each with its leg, its direction and its first line. Pure.
import type { SipMessage } from "ringback/v1/callbacks_service_pb.js";

import { ms } from "./times.js";

export interface Rung {
  at: number;
  /** Since the first message: "+0.023 s". */
  after: string;
  leg: string;
  sent: boolean;
  /** "INVITE", or "180 Ringing to INVITE". */
  line: string;
  peer: string;
  text: string;
}

export interface Ladder {
  legs: { leg: string; callId: string }[];
  rows: Rung[];
}

/** Return the messages as rungs. Legs have letters, in the order in which their dialogs begin. */
export function ladderOf(messages: readonly SipMessage[]): Ladder {
  const legs: Ladder["legs"] = [];
  const start = ms(messages[0]?.time) ?? 0;
  const rows = messages.map((message): Rung => {
    let leg = legs.find(({ callId }) => callId === message.callId);
    if (leg === undefined) legs.push((leg = { leg: letter(legs.length), callId: message.callId }));
    const at = ms(message.time) ?? start;
    return {
      at,
      after: `+${(Math.max(0, at - start) / 1000).toFixed(3)} s`,
      leg: leg.leg,
      sent: message.sent,
      line: firstLine(message.text),
      peer: message.peer,
      text: message.text,
    };
  });
  return { legs, rows };
}

function letter(index: number): string {
  return index < 26 ? String.fromCharCode(65 + index) : String(index + 1);
}

const STATUS = /^SIP\/2\.0 (\d{3}) ?(.*)$/;
const CSEQ = /^CSeq[ \t]*:[ \t]*\d+[ \t]+(\S+)/im;

function firstLine(text: string): string {
  const line = text.split(/\r?\n/, 1)[0] ?? "";
  const status = STATUS.exec(line);
  if (status === null) return line.split(" ", 1)[0] || "empty message";
  const method = CSEQ.exec(text)?.[1];
  const words = `${status[1] ?? ""} ${status[2] ?? ""}`.trim();
  return method === undefined ? words : `${words} to ${method}`;
}
