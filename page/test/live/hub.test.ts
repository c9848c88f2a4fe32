import assert from "node:assert/strict";
import test from "node:test";

import { Code } from "@connectrpc/connect";

import { FakeTab, event, newHub, queue, refusal, service, unreachable } from "./world.js";

const OLD = 1; // Long before the streams were opened.

test("the first tab opens one stream of each kind, and is live when both have begun", async () => {
  const { world, hub } = newHub();
  const tab = await new FakeTab(hub, world).hello();
  assert.deepEqual(tab.link, { kind: "connecting", since: null, wasLost: false });
  assert.equal(world.stream.token, "");
  await world.send("t1");
  assert.equal(tab.link.kind, "connecting");
  await world.sendQueues({ complete: true });
  assert.deepEqual(tab.link, { kind: "live", caughtUp: null, anew: false });
});

test("all tabs share the streams, and each is told every change", async () => {
  const { world, hub } = newHub();
  const tabs = [await new FakeTab(hub, world).hello(), await new FakeTab(hub, world).hello()];
  await world.accept("t1");
  const late = await new FakeTab(hub, world).hello();
  assert.equal(late.link.kind, "live");
  await world.send("t2", event("a", 1), event("a", 2));
  await world.pass(100);
  for (const tab of [...tabs, late]) assert.deepEqual(tab.changes, ["a:1", "a:2"]);
  assert.equal(late.token, "t2");
  assert.deepEqual([world.callbacks.length, world.queues.length], [1, 1]);
});

test("a tab is told the queues when all have come, then what changes; one that comes later all of them", async () => {
  const { world, hub } = newHub();
  const tab = await new FakeTab(hub, world).hello();
  await world.send("t1");
  await world.sendQueues({ services: [service("s1")], queues: [queue("s1")] });
  assert.ok(!tab.told.some(({ type }) => type === "queues"));
  await world.sendQueues({ services: [service("s2")], queues: [queue("s2")], complete: true });
  await world.sendQueues({ queues: [queue("s1", 7)], removedServiceIds: ["s2"] });
  const late = await new FakeTab(hub, world).hello();
  const of = (each: FakeTab) =>
    each.told.flatMap((message) =>
      message.type === "queues"
        ? [
            [
              message.queues.whole,
              ...message.queues.queues.map(({ serviceId, capacity }) => `${serviceId}:${capacity}`),
            ],
          ]
        : [],
    );
  assert.deepEqual(of(tab), [
    [true, "s1:1", "s2:1"],
    [false, "s1:7"],
  ]);
  assert.deepEqual(of(late), [[true, "s1:7"]]);
});

test("an error: lost since the last response by the server's clock, and tried again with the last token", async () => {
  const { world, hub } = newHub();
  const tab = await new FakeTab(hub, world).hello();
  await world.accept("t1");
  await world.beat("t2", 20_000);
  const last = world.serverNow;
  await world.pass(1_000);
  world.stream.fail(unreachable());
  await world.pass(0);
  assert.deepEqual(tab.link, {
    kind: "lost",
    since: last,
    retryAt: world.now() + 500,
    why: "The server cannot be reached.",
    tries: 1,
  });
  assert.equal(world.openStreams, 0);
  await world.pass(500);
  assert.deepEqual(tab.link, { kind: "connecting", since: last, wasLost: true });
  assert.equal(world.stream.token, "t2");
});

test("the back-off doubles from half a second to fifteen, is jittered, and begins anew after a good connection", async () => {
  const { world, hub } = newHub();
  const tab = await new FakeTab(hub, world).hello();
  world.refuses = { callbacks: unreachable(), queues: unreachable() };
  await world.accept("t1").catch(() => undefined);
  world.stream.fail(unreachable());
  await world.pass(0);
  const delays = [];
  for (let times = 0; times < 7; times += 1) {
    const delay = tab.retryAt - world.now();
    delays.push(delay);
    await world.pass(delay);
  }
  assert.deepEqual(delays, [500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000]);
  world.jitter = 0;
  world.refuses = {};
  await world.pass(15_000);
  await world.accept("t1");
  await world.beat("t1", 20_000);
  world.stream.fail(unreachable());
  await world.pass(0);
  assert.equal(tab.retryAt - world.now(), 250);
});

test("ten seconds without a byte are a loss, on either stream", async () => {
  for (const silent of ["callbacks", "queues"]) {
    const { world, hub } = newHub();
    const tab = await new FakeTab(hub, world).hello();
    await world.accept("t1");
    await world.pass(5_000);
    if (silent === "callbacks") await world.sendQueues({});
    else await world.send("t1");
    await world.pass(4_999);
    assert.deepEqual(tab.links.slice(-1), ["live"], silent);
    await world.pass(1);
    const { link } = tab;
    assert.equal(link.kind === "lost" && link.why, "Nothing was heard of the server for 10 s.", silent);
  }
});

test("a server that accepts and says nothing is no connection", async () => {
  const { world, hub } = newHub();
  const tab = await new FakeTab(hub, world).hello();
  await world.pass(10_000);
  assert.equal(tab.link.kind, "lost");
});

test("what was missed comes as one change when all of it is there, and is counted", async () => {
  const { world, hub } = newHub();
  const tab = await new FakeTab(hub, world).hello();
  await world.accept("t1");
  const since = world.serverNow;
  world.stream.fail(unreachable());
  await world.pass(500);
  tab.forget();
  await world.sendQueues({ complete: true });
  await world.send("t2", event("a", 1, { at: OLD }), event("b", 1, { at: OLD }));
  await world.send("t3", event("a", 2, { at: OLD }));
  assert.deepEqual(tab.changes, []);
  assert.deepEqual(tab.links, []);
  await world.send("t4", event("c", 1, { at: world.serverNow }));
  assert.deepEqual(tab.changes, ["a:2", "b:1", "c:1"]);
  assert.deepEqual(tab.link, { kind: "live", caughtUp: { changes: 4, at: world.serverNow, since }, anew: false });
});

test("the end of what was missed is also a silence", async () => {
  const { world, hub } = newHub();
  const tab = await new FakeTab(hub, world).hello();
  await world.accept("t1");
  world.stream.fail(unreachable());
  await world.pass(500);
  await world.sendQueues({ complete: true });
  await world.send("t2", event("a", 1, { at: OLD }));
  assert.equal(tab.link.kind, "connecting");
  await world.pass(300);
  assert.equal(tab.link.kind, "live");
  assert.deepEqual(tab.changes, ["a:1"]);
});

for (const reason of ["RESUME_TOKEN_EXPIRED", "RESUME_TOKEN_INVALID"]) {
  test(`${reason}: the stream begins anew, and tabs are told when it has begun`, async () => {
    const { world, hub } = newHub();
    const seen = await new FakeTab(hub, world).hello();
    const hidden = await new FakeTab(hub, world).hello("", false);
    await world.accept("t1");
    world.stream.fail(unreachable());
    await world.pass(500);
    for (const tab of [seen, hidden]) tab.forget();
    world.stream.fail(refusal(Code.OutOfRange, reason));
    await world.pass(0);
    assert.deepEqual(seen.changes, []);
    assert.equal(world.stream.token, "");
    await world.accept("u1");
    assert.deepEqual(seen.changes, ["anew"]);
    assert.equal(seen.token, "u1");
    assert.deepEqual(seen.link, { kind: "live", caughtUp: null, anew: true });
    assert.deepEqual(hidden.changes, []);
    await hidden.say({ type: "seen", seen: true });
    assert.deepEqual(hidden.changes, ["anew"]);
  });
}

test("a server that refuses a new stream, too, is tried again later", async () => {
  const { world, hub } = newHub();
  const tab = await new FakeTab(hub, world).hello("t0");
  world.stream.fail(refusal(Code.OutOfRange, "RESUME_TOKEN_EXPIRED"));
  await world.pass(0);
  world.stream.fail(refusal(Code.OutOfRange, "RESUME_TOKEN_EXPIRED"));
  await world.pass(0);
  assert.equal(tab.link.kind, "lost");
});

test("UNAUTHENTICATED is told and not retried; signing in goes on from the last token", async () => {
  const { world, hub } = newHub();
  const tab = await new FakeTab(hub, world).hello();
  await world.accept("t1");
  world.stream.fail(refusal(Code.Unauthenticated, "CREDENTIALS_INVALID"));
  await world.pass(0);
  assert.equal(tab.link.kind === "refused" && tab.link.refusal.reason, "CREDENTIALS_INVALID");
  assert.equal(world.openStreams, 0);
  await world.pass(3_600_000);
  await tab.say({ type: "seen", seen: false });
  await tab.say({ type: "seen", seen: true });
  await tab.say({ type: "retry" });
  assert.equal(world.callbacks.length, 1);
  await tab.say({ type: "session", who: "" });
  assert.equal(world.callbacks.length, 2);
  assert.equal(world.stream.token, "t1");
  await world.accept("t2");
  assert.equal(tab.link.kind, "live");
});

test("a page that is opened after a refusal tries again for all", async () => {
  const { world, hub } = newHub();
  const tab = await new FakeTab(hub, world).hello();
  await world.accept("t1");
  world.stream.fail(refusal(Code.Unauthenticated, "CREDENTIALS_INVALID"));
  await world.pass(0);
  assert.equal(tab.link.kind, "refused");
  const late = await new FakeTab(hub, world).hello();
  await world.accept("t2");
  assert.deepEqual([tab.link.kind, late.link.kind], ["live", "live"]);
});

test("who may see queues only sees them, and is live", async () => {
  const { world, hub } = newHub();
  const tab = await new FakeTab(hub, world).hello();
  world.stream.fail(refusal(Code.PermissionDenied, "NOT_ALLOWED"));
  await world.sendQueues({ complete: true });
  assert.equal(tab.link.kind, "live");
  await world.pass(5_000);
  await world.sendQueues({});
  await world.pass(5_000);
  assert.equal(tab.link.kind, "live");
});

test("who may see nothing is told so, and it is not retried", async () => {
  const { world, hub } = newHub();
  const tab = await new FakeTab(hub, world).hello();
  world.stream.fail(refusal(Code.PermissionDenied, "NOT_ALLOWED"));
  world.queueStream.fail(refusal(Code.PermissionDenied, "NOT_ALLOWED"));
  await world.pass(3_600_000);
  assert.equal(tab.link.kind, "refused");
  assert.equal(world.callbacks.length, 1);
});

test("an end with OK, after half an hour or at a drain, is a resume that nobody sees", async () => {
  const { world, hub } = newHub();
  const tab = await new FakeTab(hub, world).hello();
  await world.accept("t1");
  await world.beat("t2", 20_000);
  tab.forget();
  world.stream.end();
  await world.pass(0);
  assert.equal(world.callbacks.length, 2);
  assert.equal(world.stream.token, "t2");
  await world.send("t3", event("a", 1));
  await world.pass(100);
  assert.deepEqual(tab.links, []);
  assert.deepEqual(tab.changes, ["a:1"]);
});

test("a server that stops has three seconds until the next one is there", async () => {
  const { world, hub } = newHub();
  const tab = await new FakeTab(hub, world).hello();
  await world.accept("t1");
  await world.beat("t2", 20_000);
  tab.forget();
  world.refuses = { callbacks: unreachable(), queues: unreachable() };
  world.stream.end();
  world.queueStream.end();
  await world.pass(2_000);
  assert.deepEqual(tab.links, []);
  await world.pass(1_100);
  assert.deepEqual(tab.links, ["lost"]);
});

test("streams that end with OK at once, again and again, are a loss", async () => {
  const { world, hub } = newHub();
  const tab = await new FakeTab(hub, world).hello();
  await world.accept("t1");
  world.stream.end();
  await world.pass(0);
  assert.equal(tab.link.kind, "live");
  await world.send("t1");
  world.stream.end();
  await world.pass(0);
  assert.equal(tab.link.kind, "lost");
});

test("half a minute after the last tab is hidden no stream is held; the next that is seen resumes", async () => {
  const { world, hub } = newHub();
  const tab = await new FakeTab(hub, world).hello();
  const other = await new FakeTab(hub, world).hello("", false);
  await world.accept("t1");
  await tab.say({ type: "seen", seen: false });
  await world.beat("t2", 25_000);
  assert.equal(world.openStreams, 2);
  await world.pass(5_000);
  assert.equal(world.openStreams, 0);
  await world.pass(3_600_000);
  assert.equal(world.callbacks.length, 1);
  await other.say({ type: "seen", seen: true });
  assert.equal(world.stream.token, "t2");
  assert.equal(other.link.kind === "connecting" && other.link.wasLost, false);
  await world.sendQueues({ complete: true });
  await world.send("t3", event("a", 5, { at: world.serverNow }));
  assert.deepEqual(other.changes, ["a:5"]);
  // Nothing was lost, so nothing is said.
  assert.deepEqual(other.link, { kind: "live", caughtUp: null, anew: false });
});

test("a tab that is hidden for a moment does not end the streams", async () => {
  const { world, hub } = newHub();
  const tab = await new FakeTab(hub, world).hello();
  await world.accept("t1");
  await tab.say({ type: "seen", seen: false });
  await world.beat("t1", 20_000);
  await tab.say({ type: "seen", seen: true });
  await world.beat("t1", 60_000);
  assert.equal(world.callbacks.length, 1);
  assert.equal(tab.link.kind, "live");
});

test("a hidden tab is told nothing, and the newest of each callback when it is seen", async () => {
  const { world, hub } = newHub();
  const tab = await new FakeTab(hub, world).hello();
  const hidden = await new FakeTab(hub, world).hello("", false);
  await world.accept("t1");
  for (let revision = 1; revision <= 5; revision += 1) await world.send(`r${revision}`, event("a", revision));
  await world.pass(100);
  assert.equal(tab.changes.length, 5);
  assert.deepEqual(hidden.changes, []);
  await hidden.say({ type: "seen", seen: true });
  assert.deepEqual(hidden.changes, ["a:5"]);
  assert.equal(hidden.token, "r5");
});

test("of more than ten thousand callbacks a hidden tab reads its picture again", async () => {
  const { world, hub } = newHub();
  await new FakeTab(hub, world).hello();
  const hidden = await new FakeTab(hub, world).hello("", false);
  await world.accept("t1");
  await world.send("t2", ...Array.from({ length: 10_001 }, (_, index) => event(`c${index}`, 1)));
  await hidden.say({ type: "seen", seen: true });
  assert.deepEqual(hidden.changes, ["anew"]);
  await world.send("t3", event("a", 1));
  await world.pass(100);
  assert.deepEqual(hidden.changes, ["anew", "a:1"]);
});

test("a person, the network, or a tab that is seen makes the next try at once", async () => {
  for (const message of ["retry", "seen"] as const) {
    const { world, hub } = newHub();
    const tab = await new FakeTab(hub, world).hello();
    await world.accept("t1");
    world.stream.fail(unreachable());
    await world.pass(0);
    if (message === "retry") await tab.say({ type: "retry" });
    else {
      await tab.say({ type: "seen", seen: false });
      await tab.say({ type: "seen", seen: true });
    }
    assert.equal(tab.link.kind, "connecting", message);
    assert.equal(world.callbacks.length, 2, message);
    await world.pass(60_000);
  }
});

test("a hub that the browser has begun anew goes on where the tab is", async () => {
  const { world, hub } = newHub();
  const tab = await new FakeTab(hub, world).hello("t7");
  assert.equal(world.stream.token, "t7");
  await world.sendQueues({ complete: true });
  await world.send("t8", event("a", 3));
  assert.deepEqual(tab.changes, ["a:3"]);
});

test("a tab that was elsewhere than the hub reads its picture again", async () => {
  const { world, hub } = newHub();
  const first = await new FakeTab(hub, world).hello("t7");
  const second = await new FakeTab(hub, world).hello("t5");
  const third = await new FakeTab(hub, world).hello("t7");
  await world.accept("t8");
  assert.deepEqual(first.changes, []);
  assert.deepEqual(second.changes, ["anew"]);
  assert.deepEqual(third.changes, []);
});

test("a tab that crashed does not hold the streams for ever; one that slept says hello again", async () => {
  const { world, hub } = newHub();
  const tab = await new FakeTab(hub, world).hello();
  await world.accept("t1");
  tab.isAsleep = true;
  await world.beat("t1", 100_000);
  assert.equal(world.openStreams, 0);
  tab.forget();
  await tab.say({ type: "ping" });
  assert.deepEqual(tab.told, [{ type: "who" }]);
  await tab.hello(tab.token);
  await world.accept("t1");
  assert.equal(tab.link.kind, "live");
});

test("a tab that pings stays", async () => {
  const { world, hub } = newHub();
  const tab = await new FakeTab(hub, world).hello();
  await world.accept("t1");
  await world.beat("t1", 300_000);
  assert.equal(world.openStreams, 2);
  assert.deepEqual(tab.links, ["connecting", "live"]);
});

test("a tab that has gone holds nothing", async () => {
  const { world, hub } = newHub();
  const tab = await new FakeTab(hub, world).hello();
  await world.accept("t1");
  await tab.say({ type: "bye" });
  await world.beat("t1", 30_000);
  assert.equal(world.openStreams, 0);
});

test("while disconnected a new tab is told since when", async () => {
  const { world, hub } = newHub();
  const first = await new FakeTab(hub, world).hello();
  await world.accept("t1");
  world.stream.fail(unreachable());
  await world.pass(0);
  world.refuses = { callbacks: unreachable(), queues: unreachable() };
  const late = await new FakeTab(hub, world).hello();
  await world.pass(0);
  assert.deepEqual(late.link, first.link);
  assert.equal(late.link.kind, "lost");
});

test("many changes are told together, few at once", async () => {
  const { world, hub } = newHub();
  const tab = await new FakeTab(hub, world).hello();
  await world.accept("t1");
  await world.pass(100);
  tab.forget();
  await world.send("t2", event("a", 1));
  assert.deepEqual(tab.changes, ["a:1"]);
  for (let revision = 2; revision <= 20; revision += 1) await world.send(`r${revision}`, event("a", revision));
  assert.deepEqual(tab.changes, ["a:1"]);
  await world.pass(50);
  assert.equal(tab.told.filter(({ type }) => type === "changes").length, 2);
  assert.equal(tab.changes.length, 20);
});

test("the server says how long a limit lasts", async () => {
  const { world, hub } = newHub();
  const tab = await new FakeTab(hub, world).hello();
  const quota = refusal(Code.ResourceExhausted, "QUOTA_EXCEEDED");
  world.stream.fail(quota);
  await world.pass(0);
  assert.equal(tab.link.kind === "lost" && tab.link.why, "QUOTA_EXCEEDED");
});

test("nothing of one identity is told to another one", async () => {
  const { world, hub } = newHub();
  const tab = await new FakeTab(hub, world).hello("", true, "ops");
  const hidden = await new FakeTab(hub, world).hello("", false, "ops");
  await world.send("t1");
  await world.sendQueues({ services: [service("s1")], queues: [queue("s1")], complete: true });
  await world.send("t2", event("a", 1));
  const other = await new FakeTab(hub, world).hello("", true, "crm");
  assert.equal(world.stream.token, "");
  assert.equal(world.openStreams, 2);
  await world.accept("u1");
  assert.ok(!other.told.some((message) => message.type === "queues" && message.queues.services.length));
  assert.deepEqual(other.changes, []);
  await hidden.say({ type: "seen", seen: true });
  assert.deepEqual(hidden.changes, ["anew"]);
  assert.deepEqual(tab.changes, ["a:1", "anew"]);
});

test("who signs in again while no tab is seen is shown everything at the next look", async () => {
  const { world, hub } = newHub();
  const tab = await new FakeTab(hub, world).hello();
  await world.accept("t1");
  world.stream.fail(refusal(Code.Unauthenticated, "CREDENTIALS_INVALID"));
  await world.pass(0);
  await tab.say({ type: "seen", seen: false });
  await tab.say({ type: "session", who: "" });
  await tab.say({ type: "seen", seen: true });
  await world.accept("t2");
  assert.equal(tab.link.kind, "live");
});
