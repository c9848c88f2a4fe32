// Builds the page into the server's package: hashed names, gzip beside each, and a manifest. The same sources give the
// same bytes on every machine.
//
//   node build.mjs [--out DIR]     the page
//   node build.mjs --verify        nothing: fails if the page in the package is another one
//   node build.mjs --tests         the tests, for node --test
//   node build.mjs --bench         the benchmarks
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";

import { build } from "esbuild";

import { differences } from "./verify.mjs";

const HERE = dirname(fileURLToPath(import.meta.url));
const ASSETS_NAME = "src/ringback/web/page/assets";
const ASSETS = resolve(HERE, "..", ASSETS_NAME);
// Where the server serves the assets.
const BASE = "/ui/assets/";
const APACHE = "Apache License, Version 2.0";
// What stands in the scripts until a name is known, as in index.html.
const DEFINED = { WORKER_URL: "{{worker.js}}", LICENCES_URL: "{{licences.txt}}" };
// The evergreen browsers of the beginning of 2025: light-dark(), CSS nesting, :has(), dialog.
const TARGET = ["chrome130", "edge130", "firefox132", "safari18"];

// The stubs lie outside this folder, and are to find the one runtime that is installed here.
const oneRuntime = {
  name: "one-runtime",
  setup(builder) {
    builder.onResolve({ filter: /^@bufbuild\/protobuf(\/|$)/ }, ({ path, kind, pluginData }) =>
      pluginData === "resolved" ? undefined : builder.resolve(path, { kind, resolveDir: HERE, pluginData: "resolved" }),
    );
  },
};

/** Bundle entries together: what several need becomes chunks of their own. */
async function bundle(...entryPoints) {
  const { outputFiles, metafile } = await build({
    absWorkingDir: HERE,
    entryPoints,
    outdir: "build",
    entryNames: "[name]",
    chunkNames: "[name]-[hash]",
    bundle: true,
    splitting: true,
    write: false,
    metafile: true,
    minify: true,
    format: "esm",
    target: TARGET,
    charset: "utf8",
    // Collected whole by licences() instead.
    legalComments: "none",
    define: Object.fromEntries(Object.entries(DEFINED).map(([name, url]) => [name, JSON.stringify(url)])),
    plugins: [oneRuntime],
  });
  const files = new Map(outputFiles.map(({ path, contents }) => [basename(path), Buffer.from(contents)]));
  return { files, inputs: Object.keys(metafile.inputs) };
}

/** The licences of all packages of which something is in the page. A package that has no text of one fails the build. */
async function licences(inputs) {
  const packages = new Set(inputs.flatMap((input) => packageOf(input) ?? []));
  const texts = [...packages].sort().map((name) => {
    const folder = join(HERE, "node_modules", name);
    const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const own = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
    const text = own
      ? readFileSync(join(folder, own), "utf8").trim()
      : [...noticesOf(inputs.filter((input) => packageOf(input) === name)), standsBelow(name, license)].join("\n\n");
    return `${name} ${version} (${license})\n\n${text}\n`;
  });
  const apache = readFileSync(join(HERE, "../LICENSE"), "utf8").trim();
  return Buffer.from([...texts, `${APACHE}\n\n${apache}\n`].join(`\n${"-".repeat(78)}\n\n`));
}

function packageOf(input) {
  return /(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1];
}

/** What the sources that are in the page say of other owners, each text once: packages leave it out of their licence. */
function noticesOf(inputs) {
  const heads = inputs.map((input) => /^(?:\/\/.*\n)+/.exec(readFileSync(join(HERE, input), "utf8"))?.[0] ?? "");
  const notices = heads.filter((head) => /redistribution/i.test(head));
  return new Set(notices.map((head) => head.replaceAll(/^\/\/ ?/gm, "").trim()));
}

/** Several packages of one licence have its text once, below. */
function standsBelow(name, license) {
  if (!/\bApache-2\.0\b/.test(license)) throw new Error(`${name} (${license}) has no text of its licence`);
  return `${APACHE}: see below.`;
}

function hashed(name, bytes) {
  const dot = name.lastIndexOf(".");
  const hash = createHash("sha256").update(bytes).digest("hex").slice(0, 10);
  return `${name.slice(0, dot)}-${hash}${name.slice(dot)}`;
}

/** The operating system that gzip names is left out of the bytes. */
function zipped(bytes) {
  const gzip = gzipSync(bytes, { level: 9 });
  gzip[9] = 255;
  return gzip;
}

/** The files of the page, by their names. */
async function buildPage() {
  const { files: scripts, inputs } = await bundle("src/main.tsx", "src/live/worker.ts");
  const { files: styles } = await bundle("src/style/style.css");
  const files = new Map();
  const names = {};
  const add = (name, bytes, as = hashed(name, bytes)) => {
    names[name] = as;
    files.set(as, bytes);
  };
  const { "main.js": main, "worker.js": worker, ...chunks } = Object.fromEntries(scripts);
  for (const name of Object.keys(chunks).sort()) add(name, chunks[name], name);
  add("worker.js", worker);
  add("style.css", styles.get("style.css"));
  add("icon.svg", await readFile(join(HERE, "src/icon.svg")));
  add("licences.txt", await licences(inputs));
  const fill = (text) => Buffer.from(text.replaceAll(/\{\{([\w.]+)\}\}/g, (_, name) => BASE + names[name]));
  add("main.js", fill(main.toString()));
  files.set("index.html", fill(await readFile(join(HERE, "src/index.html"), "utf8")));
  const sorted = Object.fromEntries(Object.entries(names).sort(([one], [other]) => (one < other ? -1 : 1)));
  const written = new Map();
  for (const [name, bytes] of files) written.set(name, bytes).set(`${name}.gz`, zipped(bytes));
  return written.set("manifest.json", Buffer.from(`${JSON.stringify(sorted, null, 2)}\n`));
}

async function write(out, files) {
  await mkdir(out, { recursive: true });
  for (const name of await readdir(out)) await rm(join(out, name), { recursive: true });
  let total = 0;
  for (const [name, bytes] of files) {
    await writeFile(join(out, name), bytes);
    const gzip = files.get(`${name}.gz`);
    if (!gzip) continue;
    total += gzip.length;
    console.log(`${name.padEnd(28)} ${String(bytes.length).padStart(8)} ${String(gzip.length).padStart(8)}`);
  }
  console.log(`${"in all".padEnd(37)} ${String(total).padStart(8)} gzipped, in ${relative(process.cwd(), out) || "."}`);
}

async function verify(files) {
  const faults = await differences(ASSETS, files);
  if (!faults.length) return console.log(`${ASSETS_NAME} is what page/ builds.`);
  console.error(`${ASSETS_NAME} is not what page/ builds. Run 'make page' and commit.\n  ${faults.join("\n  ")}`);
  process.exitCode = 1;
}

/** Programs for node out of a folder: the files whose names end so. */
async function buildForNode(folder, ending) {
  const out = join(HERE, "build", folder);
  await rm(out, { recursive: true, force: true });
  const entries = (await readdir(join(HERE, folder), { recursive: true })).filter((name) => ending.test(name));
  await build({
    absWorkingDir: HERE,
    // In one folder, where every version of node finds them.
    entryPoints: entries.map((name) => ({
      in: join(folder, name),
      out: name.replaceAll(sep, "-").replace(/\.tsx?$/, ""),
    })),
    outdir: join("build", folder),
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    packages: "external",
    sourcemap: "inline",
    define: { WORKER_URL: '""', LICENCES_URL: '""' },
  });
}

const { values } = parseArgs({
  options: {
    out: { type: "string" },
    verify: { type: "boolean" },
    tests: { type: "boolean" },
    bench: { type: "boolean" },
  },
});
if (values.tests) await buildForNode("test", /\.test\.tsx?$/);
else if (values.bench) await buildForNode("bench", /\.ts$/);
else if (values.verify) await verify(await buildPage());
else await write(values.out ? resolve(values.out) : ASSETS, await buildPage());
