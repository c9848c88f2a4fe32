import assert from "node:assert/strict";
import test from "node:test";

import fc from "fast-check";

import { callbackPath, parseAddress, taskPath } from "../src/model/address.js";

const ADDRESSES: [string, string, string, string[]][] = [
  ["/ui/queues", "queues", "", []],
  ["/ui/queues/", "queues", "", []],
  ["/ui/callbacks", "callbacks", "", []],
  ["/ui/outcomes", "outcomes", "", []],
  ["/ui/callbacks/0190-a", "callback", "0190-a", []],
  ["/ui/callbacks/0190-a/trace/2", "callback", "0190-a", ["trace", "2"]],
  ["/ui/callbacks/0190-a/", "callback", "0190-a", []],
  ["/ui/tasks/crm/CRM-1", "task", "crm", ["CRM-1"]],
  ["/ui/tasks/crm%2Fzurich/a%2Fb%3Fc", "task", "crm/zurich", ["a/b?c"]],
  ["/ui/tasks//CRM-1", "task", "", ["CRM-1"]],
  ["/ui/tasks/crm/", "none", "", []],
  ["/ui/tasks/crm", "none", "", []],
  ["/ui/", "none", "", []],
  ["/ui", "none", "", []],
  ["/", "none", "", []],
  ["/ui/queues/sales", "none", "", []],
  ["/ui/Queues", "none", "", []],
  ["/ui/callbacks/%zz", "none", "", []],
  ["/ui/constructor", "none", "", []],
];

test("an address says its view, and one that is none says that", () => {
  for (const [path, view, id, rest] of ADDRESSES) {
    const { query: _, ...address } = parseAddress(path, "");
    assert.deepEqual(address, { view, id, rest }, path);
  }
});

test("the parameters come with it", () => {
  assert.equal(parseAddress("/ui/queues", "?wall=1&open=a%20b").query.get("open"), "a b");
});

// A path cannot name these two (RFC 3986, 5.2.4).
const texts = fc.string({ minLength: 1, unit: "grapheme" }).filter((text) => text !== "." && text !== "..");

test("paths that are made are read again, whatever ids are", () => {
  fc.assert(
    fc.property(texts, texts, (one, other) => {
      const task = parseAddress(new URL(taskPath(one, other), "http://ringback.example").pathname, "");
      assert.deepEqual([task.view, task.id, task.rest], ["task", one, [other]]);
      const callback = parseAddress(new URL(callbackPath(one), "http://ringback.example").pathname, "");
      assert.deepEqual([callback.view, callback.id], ["callback", one]);
    }),
  );
});
