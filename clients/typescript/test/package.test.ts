import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { test } from "node:test";

// Tests run in the package's folder.
const read = (path: string) => readFile(path, "utf8");

test("the service config is the repository's", async () => {
  const repository = await read("../../src/ringback/service_config.json");
  assert.equal(await read("src/service_config.json"), repository);
  assert.deepEqual(JSON.parse(await read("dist/src/service_config.json")), JSON.parse(repository));
});

test("the README's code is that of the examples, which are compiled", async () => {
  const shown = [...(await read("README.md")).matchAll(/```ts\n(.*?)```/gs)].map(([, code]) => code);
  const names = ["callback", "credentials", "grpc-js"];
  assert.deepEqual(shown, await Promise.all(names.map((name) => read(`examples/${name}.ts`))));
});

test("the stubs import nothing that a browser lacks", async () => {
  const files = (await readdir("dist/src/gen", { recursive: true })).filter((name) => name.endsWith(".js"));
  const sources = await Promise.all(
    ["v1.js", ...files.map((name) => `gen/${name}`)].map((name) => read(`dist/src/${name}`)),
  );
  const imported = sources.flatMap((source) => [...source.matchAll(/ from "(.*)";/g)].map(([, name = ""]) => name));
  assert.ok(imported.length > files.length);
  assert.deepEqual(
    imported.filter((name) => !/^(\.|@bufbuild\/protobuf\/)/.test(name)),
    [],
  );
});
