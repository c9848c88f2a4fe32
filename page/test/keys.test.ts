import assert from "node:assert/strict";
import test from "node:test";

import { isSingle, keyLabels, keyName } from "../src/model/keys.js";

test("caps lock makes no other key, and shift does", () => {
  assert.equal(keyName("J", false), "j");
  assert.equal(keyName("J", true), "J");
  assert.equal(keyName("?", true), "?");
  assert.equal(keyName("Enter", false), "Enter");
});

test("what dictation may hit can be switched off: keys of characters, also one after the other", () => {
  for (const keys of ["j", "?", " ", "g q"]) assert.ok(isSingle(keys), keys);
  for (const keys of ["Enter", "Escape", "ArrowDown", "PageUp"]) assert.ok(!isSingle(keys), keys);
});

test("keys are labelled as they are printed", () => {
  assert.deepEqual(keyLabels("g q"), ["g", "q"]);
  assert.deepEqual(keyLabels(" "), ["space"]);
  assert.deepEqual(keyLabels("Escape"), ["esc"]);
  assert.deepEqual(keyLabels("ArrowDown"), ["↓"]);
});
