// The client of the feed: connects, connects again when the connection breaks, and keeps what the frames add up to.

import { now, setClock } from "/common.js";

const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 15000;
const KEPT_BIDS = 12;

export const feed = {
  connected: false,
  generation: null, seq: 0,
  programme: { time_zone: "UTC", posts_url: "", days: [] },
  stage: null, bids: [], character: null,
  // The last refusal, extension and bid, and when they came, by the server's clock.
  refusal: null, refusedAt: -Infinity, extendedAt: -Infinity, newest: null,
};

let changed = () => {};
let socket = null;
let greeted = null; // the generation that this connection's hello named; the kept state may still be of another one
let failures = 0;
let retrying = 0;
let silenceMs = 30000;
let receivedAt = 0;

export function follow(onChange) {
  changed = onChange;
  setInterval(watch, 1000);
  // A phone that wakes up, or is connected again, should not wait for the next attempt.
  document.addEventListener("visibilitychange", () => { if (!document.hidden) connect(); });
  addEventListener("online", connect);
  connect();
}

function connect() {
  if (socket) return;
  clearTimeout(retrying);
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const after = feed.generation ? `?after=${feed.generation}.${feed.seq}` : "";
  const mine = new WebSocket(`${scheme}://${location.host}/livestream${after}`);
  socket = mine;
  receivedAt = performance.now();
  mine.onmessage = (message) => { if (socket === mine) receive(JSON.parse(message.data)); };
  mine.onclose = () => { if (socket === mine) retry(); };
}

function retry() {
  socket = null;
  feed.connected = false;
  const most = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** Math.min(failures++, 10));
  retrying = setTimeout(connect, most * (0.5 + Math.random() / 2));
  changed();
}

// Gives up a connection that has died silently: a living one brings a frame at each heartbeat.
function watch() {
  if (socket && performance.now() - receivedAt > silenceMs) {
    const silent = socket;
    retry();
    silent.close();
  }
}

function receive(frame) {
  receivedAt = performance.now();
  if (frame.body.server_time_ms) setClock(frame.body.server_time_ms);
  if (frame.type === "hello") greet(frame.body);
  else if (frame.type === "snapshot") take(frame);
  else if (frame.seq > feed.seq && feed.stage) merge(frame);
  changed();
}

function greet(hello) {
  greeted = hello.generation;
  feed.programme = hello.programme;
  silenceMs = 3 * Math.max(hello.heartbeat_ms, hello.timer_ms);
  feed.connected = true;
  failures = 0;
}

function take({ seq, body }) {
  Object.assign(feed, { generation: greeted, seq, stage: body.stage, bids: body.bids, character: body.character, refusal: null });
}

function merge({ seq, type, body }) {
  const before = { ...feed.stage };
  feed.seq = seq;
  Object.assign(feed.stage, body.stage);
  if (feed.stage.auction_id !== before.auction_id) feed.refusal = null;
  else if (before.phase === "ACTIVE" && feed.stage.ends_at_ms > before.ends_at_ms) feed.extendedAt = now();
  if (type === "bid") {
    feed.bids = [body.bid, ...feed.bids].slice(0, KEPT_BIDS);
    feed.newest = body.bid.post_id;
  } else if (type === "refused") {
    feed.refusal = body.refusal;
    feed.refusedAt = now();
  } else if (body.bids) {
    feed.bids = body.bids;
  }
  if (body.character !== undefined) feed.character = body.character;
}
