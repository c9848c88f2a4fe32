// What `make verify` finds: each way in which the page in the package can be another one than that of its sources.
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

import { differences } from "../verify.mjs";

const SCRIPT = Buffer.from("one()");
const BUILT = new Map([
  ["main.js", SCRIPT],
  ["main.js.gz", gzipSync(SCRIPT, { level: 9 })],
]);

const CASES: [string, (folder: string) => Promise<void>, string[]][] = [
  ["nothing", () => Promise.resolve(), []],
  ["another level of zlib", (folder) => writeFile(join(folder, "main.js.gz"), gzipSync(SCRIPT, { level: 1 })), []],
  ["another script", (folder) => writeFile(join(folder, "main.js"), "two()"), ["main.js has another content"]],
  [
    "another script, compressed",
    (folder) => writeFile(join(folder, "main.js.gz"), gzipSync("two()")),
    ["main.js.gz has another content"],
  ],
  [
    "what is not compressed",
    (folder) => writeFile(join(folder, "main.js.gz"), SCRIPT),
    ["main.js.gz has another content"],
  ],
  ["a compressed file less", (folder) => rm(join(folder, "main.js.gz")), ["main.js.gz is missing"]],
  ["a file less", (folder) => rm(join(folder, "main.js")), ["main.js is missing"]],
  ["a file more", (folder) => writeFile(join(folder, "left.js.gz"), SCRIPT), ["left.js.gz is not built any more"]],
  ["a folder more", (folder) => mkdir(join(folder, "left")).then(() => undefined), ["left is not built any more"]],
  ["no folder", (folder) => rm(folder, { recursive: true }), ["main.js is missing", "main.js.gz is missing"]],
  [
    "a link to the same content",
    async (folder) => {
      await rm(join(folder, "main.js"));
      await writeFile(`${folder}.js`, SCRIPT);
      await symlink(`${folder}.js`, join(folder, "main.js"));
    },
    ["main.js has another content"],
  ],
];

for (const [name, change, found] of CASES) {
  test(`verify: ${name}`, async () => {
    const folder = await mkdtemp(join(tmpdir(), "ringback-assets-"));
    try {
      for (const [file, bytes] of BUILT) await writeFile(join(folder, file), bytes);
      await change(folder);
      assert.deepEqual(await differences(folder, BUILT), found);
    } finally {
      await rm(folder, { recursive: true, force: true });
      await rm(`${folder}.js`, { force: true });
    }
  });
}
