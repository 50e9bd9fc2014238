// A BullMQ worker that does for each bid what the auction does for a batch of them: one job a bid, and in it one
// transaction with the writes of its commit. Jobs are enqueued before the clock starts, and nothing is decided.
// Prints {"seconds": …}. Usage: node bullmq.mjs SOCKET PLAN CONCURRENCY

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

// The packages are in the folder where this is started, not beside it.
const require = createRequire(`${process.cwd()}/package.json`);
const { Queue, Worker } = require("bullmq");
const { Redis } = require("ioredis");

const [socket, planFile, concurrency] = process.argv.slice(2);
const plan = JSON.parse(readFileSync(planFile, "utf-8"));
const connect = () => new Redis({ path: socket, maxRetriesPerRequest: null });
const AT_ONCE = 1000;

const queue = new Queue("bids", { connection: connect(), defaultJobOptions: { removeOnComplete: true } });
for (let first = 0; first < plan.jobs.length; first += AT_ONCE) {
  await queue.addBulk(plan.jobs.slice(first, first + AT_ONCE).map((data) => ({ name: "bid", data })));
}

const store = connect();
const record = async ({ data: bid }) => {
  const answers = await store
    .multi()
    .xadd(plan.log, "*", "events", Buffer.from(bid.event, "base64"))
    .zadd(plan.history, bid.score, bid.member)
    .rpush(bid.user_key, bid.user_member)
    .hset(plan.day, plan.view)
    .hset(plan.current, plan.view)
    .exec();
  for (const [error] of answers) if (error) throw error;
};

const worker = new Worker("bids", record, { connection: connect(), concurrency: Number(concurrency), autorun: false });
worker.on("error", (error) => {
  console.error(error);
  process.exit(1);
});
worker.on("failed", (_, error) => {
  console.error(error);
  process.exit(1);
});
let done = 0;
const began = performance.now();
worker.on("completed", () => {
  if (++done < plan.jobs.length) return;
  console.log(JSON.stringify({ seconds: (performance.now() - began) / 1000 }));
  process.exit(0);
});
worker.run();
