// What other people have written does not turn round the sentence that it stands in.
import assert from "node:assert/strict";
import { test } from "node:test";

import { create } from "@bufbuild/protobuf";
import { CallbackSchema, CallbackState } from "ringback/v1/callback_pb.js";

import { sentence } from "../src/acts/sentences.js";
import { differenceWords } from "../src/model/changes.js";
import { isolated } from "../src/model/isolated.js";
import { reasonWords } from "../src/model/life-words.js";

const OVERRIDE = "\u202edialler on gnihton";

const CASES: [string, string][] = [
  ["", ""],
  ["a plain text, ü, 中, +41 78", "a plain text, ü, 中, +41 78"],
  [OVERRIDE, `\u2068${OVERRIDE}\u2069`],
  ["אבג 123", "\u2068אבג 123\u2069"],
  // Not out of it, and not over its end.
  ["a\u2069\u202eb", "\u2068a\u202eb\u2069"],
  ["a\u2067b", "\u2068ab\u2069"],
  ["a\u2029\u202eb", "\u2068a\u202eb\u2069"],
];

for (const [text, expected] of CASES) {
  test(`isolated: ${JSON.stringify(text)}`, () => assert.equal(isolated(text), expected));
}

test("the sentences of dialogs and of the timeline isolate texts", () => {
  const callback = create(CallbackSchema, {
    state: CallbackState.DIALING,
    leasedBy: OVERRIDE,
    cancelReason: OVERRIDE,
  });
  const writing = { clock: String, target: String };
  const inside = isolated(OVERRIDE);
  assert.ok(sentence("cancel", callback, { position: 0 }, writing).now.includes(inside));
  assert.equal(reasonWords(callback), `“${inside}”`);
  const change = { field: "description", name: "description", from: "one", to: OVERRIDE };
  assert.equal(differenceWords(change), `description from one to ${inside}`);
});
