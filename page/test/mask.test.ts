import assert from "node:assert/strict";
import test from "node:test";

import fc from "fast-check";

import { masked } from "../src/model/mask.js";

const TARGETS: [string, string][] = [
  ["tel:+41785556677", "tel:+41 78 ***** 77"],
  ["tel:+12025550172", "tel:+1 20 ****** 72"],
  ["tel:+41785556677;ext=12", "tel:+41 78 ***** 77"],
  ["tel:+3312345", "tel:+33 *** 45"],
  ["tel:+331234", "tel:+33 ***"],
  ["sip:ann@example.com", "sip:***@example.com"],
  ["sips:ann@example.com:5061;transport=tcp", "sips:***@example.com:5061"],
  ["sip:+41785556677@pbx.example;user=phone", "sip:+41 78 ***** 77@pbx.example"],
  ["sip:4711@pbx.example", "sip:***@pbx.example"],
  ["sip:pbx.example", "sip:pbx.example"],
  // As the server masks it.
  ["tel:+41 78 *** ** 77", "tel:+41 78 *** ** 77"],
  ["sip:***@example.com", "sip:***@example.com"],
  ["", ""],
];

test("a number on a screen that hides numbers is told apart from others, and cannot be dialled", () => {
  for (const [target, shown] of TARGETS) assert.equal(masked(target), shown);
});

test("of no number are more than six digits left, nor its middle", () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[1-9][0-9]{6,14}$/), (digits) => {
      for (const target of [`tel:+${digits}`, `sip:+${digits}@example.com`]) {
        const left = masked(target).replaceAll(/\D/g, "");
        assert.ok(left.length <= 7 && left.length <= digits.length - 3, masked(target));
      }
    }),
  );
});
