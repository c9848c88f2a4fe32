// pg-boss, as its documentation recommends. ../README.md tells what each command does.
import { parseArgs } from "node:util";
import { setTimeout as sleep } from "node:timers/promises";
import { PgBoss } from "pg-boss";

const QUEUE = "calls";
const PRIORITIES = 9;

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    count: { type: "string" },
    "in-flight": { type: "string", default: "1" },
    // Jobs of one fetch; while fetches come back full, the next one follows at once.
    batch: { type: "string", default: "1" },
    workers: { type: "string", default: "1" },
    // Instead of the default, 2 s.
    "poll-s": { type: "string", default: "2" },
  },
});
const count = Number(values.count);
const working = {
  batchSize: Number(values.batch),
  burstWhenBatchFull: Number(values.batch) > 1,
  localConcurrency: Number(values.workers),
  pollingIntervalSeconds: Number(values["poll-s"]),
};

const works = {
  async enqueue(boss) {
    const inFlight = Number(values["in-flight"]);
    await send(boss, 50, inFlight);
    const begun = performance.now();
    const took = await send(boss, count, inFlight);
    return { seconds: (performance.now() - begun) / 1000, latencies_ms: percentiles(took) };
  },

  async run(boss) {
    const jobs = Array.from({ length: count }, (_, number) => ({ priority: number % PRIORITIES }));
    await boss.insert(QUEUE, jobs);
    let first;
    let handled = 0;
    await boss.work(QUEUE, working, async (batch) => {
      first ??= performance.now();
      handled += batch.length;
    });
    // It does not tell when a job is recorded as done, only the table does.
    while (handled < count || (await completed(boss)) < count) await sleep(2);
    return { seconds: (performance.now() - first) / 1000 };
  },

  async latency(boss) {
    const late = [];
    await boss.work(QUEUE, working, async (batch) => {
      const now = Date.now();
      late.push(...batch.map((job) => now - job.data.due));
    });
    let due = Date.now() + 1000;
    const jobs = Array.from({ length: count }, () => {
      due += 20 + Math.floor(Math.random() * 60);
      return { data: { due }, startAfter: new Date(due).toISOString() };
    });
    await boss.insert(QUEUE, jobs);
    while (late.length < count) await sleep(10);
    return { latencies_ms: percentiles(late) };
  },
};

async function send(boss, jobs, inFlight) {
  const took = [];
  let number = 0;
  const client = async () => {
    while (number < jobs) {
      const priority = number++ % PRIORITIES;
      const begun = performance.now();
      await boss.send(QUEUE, {}, { priority, startAfter: new Date(Date.now() + 3_600_000) });
      took.push(performance.now() - begun);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, client));
  return took;
}

async function completed(boss) {
  const { rows } = await boss.getDb().executeSql("SELECT count(*) FROM pgboss.job WHERE state = 'completed'");
  return Number(rows[0].count);
}

function percentiles(milliseconds) {
  const ordered = milliseconds.toSorted((a, b) => a - b);
  const at = (share) => ordered[Math.floor((share * ordered.length) / 100)];
  return { p50: at(50), p99: at(99) };
}

const boss = new PgBoss({ connectionString: process.env.DATABASE_URL, max: 20 });
boss.on("error", console.error);
await boss.start();
await boss.createQueue(QUEUE);
const measured = await works[positionals[0]](boss);
await boss.stop();
console.log(JSON.stringify(measured));
