import assert from "node:assert/strict";
import { test } from "node:test";

import { isLocal } from "../src/target.js";

test("servers that are reached past a proxy", () => {
  for (const target of [
    ...["localhost:50051", "localhost", "LocalHost:1", "localhost.:50051", "ringback.localhost:50051"],
    ...["127.0.0.1:50051", "127.8.8.8", "[::1]:50051", "::1", "[::1]", "0.0.0.0:50051", "[::]:50051"],
    ...["10.0.0.5:443", "172.16.0.1:443", "172.31.255.255:443", "192.168.1.1:443", "169.254.1.1:443"],
    ...["[fd00::1]:443", "[fe80::1%eth0]:443", "[::ffff:127.0.0.1]:443", "[::ffff:10.1.2.3]:443"],
    ...["dns:127.0.0.1:50051", "dns:///localhost:50051", "dns://8.8.8.8/10.0.0.5:443"],
    ...["ipv4:10.0.0.5:443,10.0.0.6:443", "unix:ringback.sock", "unix:///run/ringback.sock"],
  ])
    assert.ok(isLocal(target), target);
});

test("servers that a proxy may reach", () => {
  for (const target of [
    ...["ringback.example:443", "dns:///ringback.example:443", "localhost.example:443", "notlocalhost:443", ""],
    ...["8.8.8.8:443", "172.32.0.1:443", "11.0.0.1:443", "[2001:db8::1]:443", "[::ffff:8.8.8.8]:443"],
    ...["dns://10.0.0.2/ringback.example:443", "ipv4:10.0.0.5:443,8.8.8.8:443", "10.example:443"],
  ])
    assert.ok(!isLocal(target), target);
});
