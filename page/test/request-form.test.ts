import assert from "node:assert/strict";
import { test } from "node:test";

import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { CallbackRequestSchema, Priority } from "ringback/v1/callback_pb.js";

import {
  asTarget,
  changeable,
  changedFields,
  FIELDS,
  type FieldName,
  judged,
  PRIORITIES,
  readValues,
  type Values,
  valuesOf,
} from "../src/acts/request-form.js";
import { callback } from "./world/lives.js";

const EMPTY = valuesOf(create(CallbackRequestSchema), "UTC", () => false);
const ALL = new Set<FieldName>(FIELDS.map(({ name }) => name));

test("a request that nobody edits is read as it was", () => {
  const request = callback({
    callbackRequest: {
      service: { case: "serviceId", value: "11111111-1111-4111-8111-111111111111" },
      labels: { campaign: "autumn", region: "east" },
      maxRetries: 0,
      description: "Contract renewal",
    },
  }).callbackRequest;
  assert.ok(request);
  for (const zone of ["UTC", "Europe/Zurich", "America/St_Johns"]) {
    const read = readValues(
      valuesOf(request, zone, () => false),
      zone,
    );
    assert.deepEqual(read.faults, {});
    assert.deepEqual(read.request, request);
  }
});

test("labels are read as they were written, whatever is in them", () => {
  const text = fc.string({ unit: "binary", maxLength: 12 });
  fc.assert(
    fc.property(fc.dictionary(text, text, { noNullPrototype: true }), (labels) => {
      const request = create(CallbackRequestSchema, { labels });
      const read = readValues(
        valuesOf(request, "UTC", () => false),
        "UTC",
      );
      assert.deepEqual(read.faults, {});
      assert.deepEqual(Object.entries(read.request.labels).sort(), Object.entries(labels).sort());
    }),
  );
});

test("only what was changed goes into the mask", () => {
  const before = { ...EMPTY, description: "a", supervisor: "b" };
  assert.deepEqual(changedFields(before, { supervisor: "c", description: "a", priority: "3" }), [
    "priority",
    "supervisor",
  ]);
  assert.deepEqual(changedFields(before, {}), []);
});

test("a hidden target is not shown, and is kept unless another one is typed", () => {
  const request = create(CallbackRequestSchema, { target: "tel:+41 78 *** ** 77" });
  const values = valuesOf(request, "UTC", (target) => target.includes("*"));
  assert.equal(values.target, "");
  assert.deepEqual(changedFields(values, { target: "" }), []);
  assert.deepEqual(changedFields(values, { target: "+41785556677" }), ["target"]);
});

test("a number that a person types becomes a URI; what is one already stays", () => {
  const table: [string, string][] = [
    ["+41 78 555 66 77", "tel:+41 78 555 66 77"],
    [" 078 555 66 77 ", "tel:078 555 66 77"],
    ["(202) 555-0172", "tel:(202) 555-0172"],
    ["sip:anna@example.com", "sip:anna@example.com"],
    ["anna", "anna"],
    ["", ""],
  ];
  for (const [typed, uri] of table) assert.equal(asTarget(typed), uri);
});

test("what cannot be sent is a fault of its field, and nothing else is judged here", () => {
  const values: Values = {
    ...EMPTY,
    target: "not a target",
    due_date: "yesterday",
    max_retries: "three",
    seconds_between_retries: "-5",
    labels: "campaign\nregion=east\nregion=west",
  };
  const { faults, request } = readValues(values, "UTC");
  assert.deepEqual(Object.keys(faults).sort(), ["due_date", "labels", "max_retries"]);
  assert.deepEqual(faults.labels, ["“campaign” is not key=value", "region is there twice"]);
  assert.equal(request.secondsBetweenRetries, -5);
});

test("violations get to their fields by their paths; what has no field is told apart", () => {
  const violations = [
    { field: "callback_request.due_date", description: "is too late" },
    { field: "callback_request.service_id", description: "is required" },
    { field: "callback_request.labels['x'].key", description: "is too long" },
    { field: "callback_request.labels['x']", description: "is too long" },
    { field: "request_id", description: "is not a UUID" },
    { field: "callback_request.colour", description: "is new" },
  ];
  const { faults, others } = judged(violations, ALL);
  assert.deepEqual(faults, {
    due_date: ["is too late"],
    service: ["is required"],
    labels: ["['x'].key is too long", "['x'] is too long"],
  });
  assert.deepEqual(others, ["request_id is not a UUID", "colour is new"]);
  assert.deepEqual(judged(violations.slice(0, 1), new Set()).others, ["due_date is too late"]);
});

test("what a change offers", () => {
  assert.deepEqual(
    changeable(false).map(({ name }) => name),
    ["description", "context_url", "supervisor", "labels"],
  );
  assert.equal(changeable(true).length, 11);
  assert.equal(PRIORITIES.length, 9);
  assert.equal(PRIORITIES[0], Priority.STRICT_PRIORITY);
});
