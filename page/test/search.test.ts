// What is typed into the search field, and what is meant by it.
import assert from "node:assert/strict";
import { test } from "node:test";

import { readSearch } from "../src/model/search.js";

const SERVICES = [
  { serviceId: "11111111-1111-4111-8111-111111111111", sipAddress: "sip:sales@example.com", displayName: "Sales" },
  { serviceId: "22222222-2222-4222-8222-222222222222", sipAddress: "sip:night@example.com", displayName: "Night line" },
];
const UUID = "019a7847-5d38-7c3a-9d55-2f6b8e40a1d7";
const OPEN = "SCHEDULED,QUEUED,OFFERED,DIALING,CONNECTED,CANCELLING";

const MEANT: [string, string[]][] = [
  ["", []],
  ["+44 7700 900118", ["target=+447700900118"]],
  ["0044 7700 900118", ["target=+447700900118"]],
  ["(202) 555-0172", ["target=2025550172"]],
  ["+1 (202) 555\u20110172", ["target=+12025550172"]],
  ["tel:+12025550172", ["target=tel:+12025550172"]],
  ["sip:guest@example.com", ["target=sip:guest@example.com"]],
  ["sip:sales@example.com", ["service=sip:sales@example.com"]],
  ["sales", ["service=sip:sales@example.com"]],
  ["Night line", ["service=sip:night@example.com"]],
  ['service:"night line"', ["service=sip:night@example.com"]],
  ["service:Nobody", ["service=Nobody !is the name of no service"]],
  ["CRM-48213", ["task=CRM-48213"]],
  ["48213", ["task=48213"]],
  ["a,b", ["task=a\\,b"]],
  [UUID.toUpperCase(), [`id=${UUID}`]],
  ["queued", ["state=QUEUED"]],
  ["open", [`state=${OPEN}`]],
  ["toString", ["task=toString"]],
  ["state:nothing", ["state=nothing !is no state"]],
  ["caller:crm", ["caller=crm"]],
  ['caller:"crm zurich"', ["caller=crm zurich"]],
  ["caller:", ["caller="]],
  ["label:campaign=autumn", ["label=campaign=autumn"]],
  ["label:autumn", ["label=autumn !is not key=value"]],
  ["priority:strict", ["priority=STRICT_PRIORITY"]],
  ["priority:urgent", ["priority=URGENT !is no priority"]],
  ["due<1h", ["due_before=1h"]],
  ["ended>-15m", ["ended_after=-15m"]],
  ["due>=2026-11-30T14:00:00Z", ["due_after=2026-11-30T14:00:00Z"]],
  ["due<soon", ["due_before=soon !is neither a time such as 2026-11-30T14:00:00Z nor a span such as -15m or 1h"]],
  ["due<", ["due_before= !needs a time, such as 1h or -15m"]],
  ["caller:crm failed ended>-1h", ["caller=crm", "state=FAILED", "ended_after=-1h"]],
  ["+44 7700 900118 failed", ["target=+447700900118", "state=FAILED"]],
  ["failed +44 7700 900118", ["state=FAILED", "target=+447700900118"]],
];

for (const [typed, meant] of MEANT) {
  test(`"${typed}" means ${meant.join(" and ") || "nothing"}`, () => {
    const found = readSearch(typed, SERVICES).map(
      ({ param, value, fault }) => `${param}=${value}${fault === undefined ? "" : ` !${fault}`}`,
    );
    assert.deepEqual(found, meant);
  });
}
