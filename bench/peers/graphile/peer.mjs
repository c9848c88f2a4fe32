// Graphile Worker, as its documentation recommends. ../README.md tells what each command does.
import { parseArgs } from "node:util";
import { setTimeout as sleep } from "node:timers/promises";
import { Logger, WorkerPreset, makeWorkerUtils, run } from "graphile-worker";

const PRIORITIES = 9;

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    count: { type: "string" },
    "in-flight": { type: "string", default: "1" },
    concurrency: { type: "string", default: "1" },
    // Jobs that are fetched, and locked, ahead; and then their completions are written in batches, too.
    "local-queue": { type: "string" },
    "poll-ms": { type: "string", default: "2000" },
  },
});
const count = Number(values.count);
const concurrentJobs = Number(values.concurrency);
const batching = { localQueue: { size: Number(values["local-queue"]) }, completeJobBatchDelay: 0, failJobBatchDelay: 0 };
const preset = {
  extends: [WorkerPreset],
  worker: {
    connectionString: process.env.DATABASE_URL,
    maxPoolSize: 25,
    concurrentJobs,
    pollInterval: Number(values["poll-ms"]),
    logger: new Logger(() => () => {}),
    ...(values["local-queue"] ? batching : {}),
  },
};

const works = {
  async enqueue(utils) {
    const inFlight = Number(values["in-flight"]);
    await add(utils, 50, inFlight);
    const begun = performance.now();
    const took = await add(utils, count, inFlight);
    return { seconds: (performance.now() - begun) / 1000, latencies_ms: percentiles(took) };
  },

  async run(utils) {
    const jobs = Array.from({ length: count }, (_, number) => ({ identifier: "job", priority: number % PRIORITIES }));
    await utils.addJobs(jobs);
    let first;
    let handled = 0;
    const job = async () => {
      first ??= performance.now();
      handled++;
    };
    const runner = await run({ preset, taskList: { job }, noHandleSignals: true });
    // A job that is done is deleted.
    while (handled < count || (await waiting(utils)) > 0) await sleep(2);
    const ended = performance.now();
    await runner.stop();
    return { seconds: (ended - first) / 1000 };
  },

  async latency(utils) {
    const late = [];
    const job = async ({ due }) => void late.push(Date.now() - due);
    const runner = await run({ preset, taskList: { job }, noHandleSignals: true });
    let due = Date.now() + 1000;
    const jobs = Array.from({ length: count }, () => {
      due += 20 + Math.floor(Math.random() * 60);
      return { identifier: "job", payload: { due }, runAt: new Date(due) };
    });
    await utils.addJobs(jobs);
    while (late.length < count) await sleep(10);
    await runner.stop();
    return { latencies_ms: percentiles(late) };
  },
};

async function add(utils, jobs, inFlight) {
  const took = [];
  let number = 0;
  const client = async () => {
    while (number < jobs) {
      const priority = number++ % PRIORITIES;
      const begun = performance.now();
      await utils.addJob("job", {}, { priority, runAt: new Date(Date.now() + 3_600_000) });
      took.push(performance.now() - begun);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, client));
  return took;
}

async function waiting(utils) {
  const counted = (client) => client.query("SELECT count(*) FROM graphile_worker._private_jobs");
  return Number((await utils.withPgClient(counted)).rows[0].count);
}

function percentiles(milliseconds) {
  const ordered = milliseconds.toSorted((a, b) => a - b);
  const at = (share) => ordered[Math.floor((share * ordered.length) / 100)];
  return { p50: at(50), p99: at(99) };
}

const utils = await makeWorkerUtils({ preset });
await utils.migrate();
const measured = await works[positionals[0]](utils);
await utils.release();
console.log(JSON.stringify(measured));
