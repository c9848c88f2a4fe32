import assert from "node:assert/strict";
import { test } from "node:test";

import { create } from "@bufbuild/protobuf";
import { CallbackState } from "ringback/v1/callback_pb.js";
import { SipMessageSchema } from "ringback/v1/callbacks_service_pb.js";

import { resolveEffect, resolveSentence } from "../src/acts/resolve-sentences.js";
import { contextLink } from "../src/model/context-link.js";
import { grpcurl } from "../src/model/grpcurl.js";
import { readAgain, withEvents } from "../src/model/history.js";
import { ladderOf } from "../src/model/ladder.js";
import { reasonWords } from "../src/model/reason-words.js";
import { q850Words, sipStatusWords } from "../src/model/sip-words.js";
import { after, eventsOf, versionsOf } from "./world/lives.js";

test("the reason box has the position in front, once, and ends with one full stop", () => {
  const clock = (): string => "14:05:00";
  const table: [string, string, string][] = [
    ["Position 4 of 23. All 12 slots are in use.", "Position 4 of 23 in Sales.", "All 12 slots are in use."],
    ["Position 4 or later of 9.", "Position 4 or later of 9 in Sales.", ""],
    ["it is due at 2026-11-30T13:05:00Z", "", "It is due at 14:05:00."],
    ["The service is closed until 2026-11-30T13:05:00Z.", "", "The service is closed until 14:05:00."],
    ["", "", ""],
  ];
  for (const [explanation, lead, rest] of table) {
    assert.deepEqual(reasonWords(explanation, "Sales", clock), { lead, rest });
  }
});

test("a context URL is a link only where it is one of the web, and shows its real host", () => {
  assert.deepEqual(contextLink("https://crm.example.com/t/48213?a=b"), {
    href: "https://crm.example.com/t/48213?a=b",
    host: "crm.example.com",
    rest: "/t/48213?a=b",
  });
  assert.equal(contextLink("HTTP://EXAMPLE.com")?.host, "example.com");
  assert.equal(contextLink("https://bücher.example/")?.host, "xn--bcher-kva.example");
  const none = [
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)//https://",
    "data:text/html,<script>alert(1)</script>",
    " https://example.com",
    "https://bank.example@evil.example/",
    "https://",
    "//example.com",
    "ftp://example.com/",
    "",
  ];
  for (const text of none) assert.equal(contextLink(text), null, text);
});

test("the command for a terminal has no token, and its request is quoted", () => {
  assert.equal(
    grpcurl("0'; rm -rf", false),
    `grpcurl -d '{"key":{"callback_id":"0'\\''; rm -rf"}}' HOST:PORT ringback.v1.CallbacksService/GetCallback`,
  );
  assert.ok(grpcurl("x", true).includes('-H "authorization: Bearer $RINGBACK_TOKEN"'));
});

test("events are kept once, in the order of their revisions, and a gap is seen", () => {
  const events = eventsOf(versionsOf({}, { at: 1 }, { at: 2 }, { at: 3 }));
  const [first, second, third, fourth] = events;
  assert.ok(first && second && third && fourth);
  const revisions = (list: typeof events): bigint[] => list.map(({ callback }) => callback?.revision ?? 0n);
  assert.deepEqual(revisions(withEvents([first], [third, second, second]).events), [1n, 2n, 3n]);
  assert.equal(withEvents([first], [third, second]).hasGap, false);
  assert.equal(withEvents([first], [third]).hasGap, true);
  assert.equal(withEvents([first, second], [first]).hasGap, false);
  assert.equal(withEvents([], [fourth]).hasGap, false);
});

test("a picture that is read again keeps what the stream has brought meanwhile", () => {
  const versions = versionsOf({}, { at: 1 }, { at: 2 });
  const [first, second, third] = versions;
  assert.ok(first && second && third);
  const events = eventsOf(versions);
  const streamed = { callback: third, history: { events: events.slice(2), complete: false } };
  const read = { callback: second, history: { events: events.slice(0, 2), complete: true } };
  const both = readAgain(streamed, read);
  assert.equal(both.callback, third);
  assert.deepEqual(both.history, { events, complete: true });
  assert.equal(readAgain(read, { callback: third, history: { events, complete: true } }).callback, third);
});

test("SIP messages are rungs, with legs in the order of their dialogs", () => {
  const message = (at: number, sent: boolean, callId: string, text: string): object => ({
    time: after(at),
    sent,
    callId,
    peer: "UDP 192.0.2.1:5060",
    text,
  });
  const ladder = ladderOf(
    [
      message(0, true, "a@x", "INVITE sip:+41*@x SIP/2.0\r\nCSeq: 1 INVITE\r\n\r\n"),
      message(0.123, false, "a@x", "SIP/2.0 180 Ringing\r\ncseq : 1 INVITE\r\n\r\n"),
      message(2, true, "b@x", "BYE sip:x SIP/2.0\r\n\r\n"),
      message(3, false, "b@x", ""),
    ].map((each) => create(SipMessageSchema, each)),
  );
  assert.deepEqual(
    ladder.rows.map(({ leg, after: since, sent, line }) => [leg, since, sent, line]),
    [
      ["A", "+0.000 s", true, "INVITE"],
      ["A", "+0.123 s", false, "180 Ringing to INVITE"],
      ["B", "+2.000 s", true, "BYE"],
      ["B", "+3.000 s", false, "empty message"],
    ],
  );
  assert.deepEqual(ladder.legs, [
    { leg: "A", callId: "a@x" },
    { leg: "B", callId: "b@x" },
  ]);
  assert.deepEqual(ladderOf([]), { legs: [], rows: [] });
});

test("SIP statuses and causes in words; those without a name by their numbers; nothing for what is not known", () => {
  assert.deepEqual([486, 799, 0].map(sipStatusWords), ["486 Busy Here", "SIP 799", ""]);
  assert.deepEqual([17, 126, 0].map(q850Words), ["Q.850 17 user busy", "Q.850 126", ""]);
});

test("what ending all callbacks to a number does, for each state", () => {
  const S = CallbackState;
  const table = new Map([
    [S.SCHEDULED, "ends"],
    [S.QUEUED, "ends"],
    [S.OFFERED, "ends"],
    [S.DIALING, "hangsUp"],
    [S.CONNECTED, "stays"],
    [S.CANCELLING, "stays"],
    [S.COMPLETED, "stays"],
    [S.FAILED, "stays"],
    [S.CANCELLED, "stays"],
    [S.EXPIRED, "stays"],
  ]);
  for (const [state, effect] of table) assert.equal(resolveEffect(state), effect);
  assert.equal(
    resolveSentence([S.QUEUED, S.OFFERED, S.DIALING, S.CONNECTED], true).happens,
    "2 callbacks end as CANCELLED at once. 1 callback is being dialled: the dialer hangs up. 1 callback is left alone. " +
      "There are more than are listed here, and all of them end.",
  );
  assert.equal(resolveSentence([], false).happens, "");
});
