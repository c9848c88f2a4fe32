import assert from "node:assert/strict";
import test from "node:test";

import { create } from "@bufbuild/protobuf";
import { ServiceSchema } from "ringback/v1/directory_service_pb.js";

import { listPath, parseOutcomesQuery, parseQueuesQuery } from "../src/model/views.js";

const SALES = create(ServiceSchema, { serviceId: "1111", sipAddress: "sip:sales@example.com" });
const ODD = create(ServiceSchema, { serviceId: "2222", sipAddress: "sip:a,b&c@example.com" });

const queues = (query: string, known: Set<string> | null = new Set(["1111", "2222"])) =>
  parseQueuesQuery(new URLSearchParams(query), known);
const outcomes = (query: string, known: (typeof SALES)[] | null = [SALES, ODD]) =>
  parseOutcomesQuery(new URLSearchParams(query), known);
const reasons = ({ struck }: { struck: { param: string; value: string; reason: string }[] }) =>
  struck.map(({ param, value, reason }) => `${param}=${value} ${reason}`);

void test("the address says which row is open, and whether it is the wall board", () => {
  assert.deepEqual(queues(""), { open: "", isWall: false, struck: [] });
  assert.deepEqual(queues("open=1111&wall=1"), { open: "1111", isWall: true, struck: [] });
  assert.deepEqual(queues("wall=0").isWall, false);
});

void test("what does not count in an address is struck with its reason", () => {
  assert.deepEqual(reasons(queues("open=3333&wall=yes&state=QUEUED&open=1111&open=2222")), [
    "open=3333 is no service that you may read",
    "wall=yes is 1 for the wall board",
    "state=QUEUED is not a parameter of this view",
    "open=2222 one row is open at a time",
  ]);
  assert.deepEqual(reasons(outcomes("range=2d&service=sip:x@example.com,1111&q=1&range=1h&range=6h")), [
    "range=2d is one of 1h, 6h, 24h, 7d",
    "q=1 is not a parameter of this view",
    "range=6h is given a second time",
    "service=sip:x@example.com is no service that you may read",
  ]);
});

void test("until the services are known none is struck", () => {
  assert.deepEqual(queues("open=3333", null), { open: "3333", isWall: false, struck: [] });
  assert.deepEqual(outcomes("service=3333", null).struck, []);
});

void test("services are named by address or id, joined or repeated, each once", () => {
  assert.deepEqual(outcomes("service=SIP:Sales@example.com,1111&service=2222&range=7d"), {
    range: "7d",
    serviceIds: ["1111", "2222"],
    struck: [],
  });
});

void test("an address of the list says exactly one service, whatever characters it has", () => {
  assert.equal(listPath({ state: "OFFERED,DIALING" }), "/ui/callbacks?state=OFFERED,DIALING");
  assert.equal(
    listPath({ state: "QUEUED", sort: "oldest" }, SALES),
    "/ui/callbacks?state=QUEUED&sort=oldest&service=sip:sales@example.com",
  );
  const path = listPath({}, ODD);
  assert.deepEqual(outcomes(path.slice(path.indexOf("?") + 1)).serviceIds, ["2222"]);
});
