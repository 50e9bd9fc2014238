// The stage page: follows the feed, keeps what it adds up to, and paints it.
// Whatever bidders or the character wrote is put in as text, never as markup.
"use strict";

const $ = (id) => document.getElementById(id);
const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 15000;
const HURRY_MS = 60000;
const SHOWN_BIDS = 8;
const SHOWN_REFUSAL_MS = 12000;

const REASONS = {
  BELOW_MINIMUM: "too low",
  BELOW_RESERVE: "below the reserve",
  ALREADY_LEADING: "already leading",
  AFTER_CLOSE: "after the close",
  BEFORE_OPEN: "before the opening",
  FOUND_TOO_LATE: "found after the close",
  PAUSED: "posted during a pause",
  ACCOUNT_TOO_YOUNG: "the account is too young",
  NOT_ELIGIBLE: "not eligible",
  BANNED: "not eligible",
  RATE_LIMITED: "too many bids at once",
  HELD: "waiting for the operator",
  WITHDRAWN: "withdrawn",
  INVALIDATED: "not counted",
};

const state = {
  generation: null, seq: 0, stage: null, bids: [], refusals: [], character: null,
  connected: false, newest: null, refusalUntil: 0,
};

// ---- the feed

let socket = null;
let failures = 0;
let silenceMs = 30000;
let lastHeard = 0;

function connect() {
  const after = state.generation ? `?after=${state.generation}.${state.seq}` : "";
  const mine = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/livestream${after}`);
  socket = mine;
  lastHeard = Date.now();
  mine.onmessage = (message) => { if (socket === mine) hear(JSON.parse(message.data)); };
  mine.onclose = () => { if (socket === mine) retry(); };
}

function retry() {
  socket = null;
  state.connected = false;
  paint();
  const most = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** Math.min(failures++, 10));
  setTimeout(connect, most * (0.5 + Math.random() / 2));
}

// A connection can die without a word; the feed is never silent for longer than its heartbeat.
function watch() {
  if (socket && Date.now() - lastHeard > silenceMs) {
    const silent = socket;
    retry();
    silent.close();
  }
}

function hear(frame) {
  lastHeard = Date.now();
  if (frame.body.server_time_ms) setClock(frame.body.server_time_ms);
  if (frame.type === "hello") {
    if (frame.body.generation !== state.generation) state.seq = 0;
    state.generation = frame.body.generation;
    silenceMs = 3 * Math.max(frame.body.heartbeat_ms, frame.body.timer_ms);
    state.connected = true;
    failures = 0;
  } else if (frame.type === "snapshot") {
    Object.assign(state, frame.body, { seq: frame.seq });
  } else if (frame.seq > state.seq && state.stage) {
    merge(frame);
  }
  paint();
}

function merge(frame) {
  const { body } = frame;
  state.seq = frame.seq;
  Object.assign(state.stage, body.stage);
  if (frame.type === "bid") {
    state.bids = [body.bid, ...state.bids].slice(0, SHOWN_BIDS);
    state.newest = body.bid.post_id;
  } else if (body.bids) {
    state.bids = body.bids;
  } else if (frame.type === "refused") {
    state.refusals = [body.refusal];
    state.refusalUntil = now() + SHOWN_REFUSAL_MS;
  } else if (frame.type === "character") {
    state.character = body.character;
  }
}

// ---- the server's time

const offsets = [];

// Every reading is late by its way here, so the largest of the last few is the nearest to the truth.
function setClock(serverMs) {
  offsets.push(serverMs - Date.now());
  if (offsets.length > 8) offsets.shift();
}

const now = () => Date.now() + (offsets.length ? Math.max(...offsets) : 0);

function span(ms) {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  const two = (number) => String(number).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  return `${hours ? `${hours}:` : ""}${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}

const clockTime = (ms) => new Date(ms).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });

// ---- painting

function put(id, text) {
  const element = $(id);
  if (element.textContent === (text || "")) return;
  element.textContent = text || "";
  element.style.setProperty("--length", element.textContent.length);
}

function paint() {
  put("link", state.connected ? "" : state.stage ? "Reconnecting…" : "Connecting…");
  const stage = state.stage;
  if (!stage) return;
  document.body.dataset.phase = stage.auction_id ? stage.phase : "WAITING";
  document.body.dataset.outcome = stage.outcome || "";
  put("day", stage.day ? `Day ${stage.day}${stage.days ? ` of ${stage.days}` : ""}` : "");
  put("badge", badge(stage));
  paintLot(stage);
  paintStanding(stage);
  paintBids(stage);
  put("line", state.character ? state.character.text : "");
  $("host").classList.toggle("silent", !state.character);
  paintClock();
}

function badge(stage) {
  if (stage.phase === "ACTIVE") return stage.ends_at_ms > stage.closes_at_ms ? "Live · extended" : "Live";
  if (stage.phase === "PROCESSING") return "Checking the last bids";
  if (stage.phase === "COMPLETED") return { sold: "Sold", unsold: "Not sold", void: "Not held" }[stage.outcome] || "Closed";
  return stage.auction_id ? "Opening soon" : "Waiting";
}

function paintLot(stage) {
  const lot = stage.lot;
  put("title", lot ? lot.title : "The next auction is being prepared");
  put("token", lot ? `Token ${lot.token_id}` : "");
  const source = lot && lot.image ? `/images/${encodeURIComponent(lot.image)}` : "";
  const image = $("image");
  if (image.dataset.source !== source) {
    image.dataset.source = source;
    image.hidden = true;
    image.onload = () => { image.hidden = false; $("plate").hidden = true; };
    image.onerror = () => { image.hidden = true; $("plate").hidden = false; };
    if (source) image.src = source;
    image.alt = lot ? lot.title : "";
    $("plate").hidden = false;
  }
  // Where there is no image, the lot's number stands on a ground of its own hue.
  put("plate", lot ? `№ ${lot.token_id.slice(-6)}` : "");
  const hue = lot ? (Number(lot.token_id.slice(-9)) * 47 + 210) % 360 : 225;
  const ground = `linear-gradient(150deg, hsl(${hue} 32% 34%), hsl(${(hue + 40) % 360} 38% 13%))`;
  if ($("plate").dataset.hue !== String(hue)) {
    $("plate").dataset.hue = hue;
    $("plate").style.background = ground;
  }
}

function paintStanding(stage) {
  const done = stage.phase === "COMPLETED";
  const shown = done ? stage.winner : stage.leader;
  const amount = shown ? shown.amount : done || !stage.auction_id ? "" : stage.minimum;
  const [number, unit] = (amount || "").split(" ");
  put("leader-label", label(stage, shown));
  put("amount", number);
  put("unit", unit);
  $("amount").parentElement.style.setProperty("--length", number.length);
  put("leader", shown ? `@${shown.handle}` : done ? closing(stage) : stage.phase === "ACTIVE" ? "Be the first to bid" : "");
  put("note", note(stage, shown));
}

function label(stage, shown) {
  if (stage.phase === "COMPLETED") return shown ? "Sold to" : "Result";
  if (shown) return stage.phase === "PROCESSING" ? "Leading as the last bids are checked" : "Leading bid";
  return stage.auction_id ? "Reserve" : "";
}

function closing(stage) {
  return { unsold: "No bid reached the reserve", void: "This day is not held" }[stage.outcome] || "";
}

function note(stage, shown) {
  if (stage.phase === "PROCESSING") {
    return stage.overdue
      ? "This takes longer than usual; the operator has been called."
      : "Every post made before the end counts, however late it arrives.";
  }
  if (stage.phase === "ACTIVE" && shown && stage.provisional) {
    return stage.watermark_ms > stage.opens_at_ms
      ? `Provisional · all bids until ${clockTime(stage.watermark_ms)} are in`
      : "Provisional · earlier posts may still arrive";
  }
  if (stage.over) return "The marathon is over. Thank you for being here.";
  return "";
}

function paintClock() {
  const stage = state.stage;
  if (!stage) return;
  const left = stage.ends_at_ms - now();
  const active = stage.phase === "ACTIVE";
  document.body.classList.toggle("hurry", active && left < HURRY_MS);
  if (active) {
    put("clock-label", left > 0 ? "Ends in" : "Time");
    put("time", left > 0 ? span(left) : "00:00");
    const whole = Math.max(1, stage.ends_at_ms - stage.opens_at_ms);
    $("progress").style.transform = `scaleX(${Math.min(1, Math.max(0, left / whole)).toFixed(4)})`;
  } else if (stage.phase === "PROCESSING") {
    $("progress").style.transform = "";
    put("clock-label", `Ended ${clockTime(stage.ends_at_ms)}`);
    put("time", "Checking the last bids");
  } else if (stage.phase === "PENDING" && stage.opens_at_ms) {
    const wait = stage.opens_at_ms - now();
    put("clock-label", wait > 0 ? "Opens in" : "Opens");
    put("time", wait > 0 ? span(wait) : "in a moment");
  } else {
    const closed = stage.phase === "COMPLETED" && stage.post_id;
    put("clock-label", closed ? "Closed at" : "");
    put("time", closed ? clockTime(stage.ends_at_ms) : "");
  }
  const bidding = active && stage.minimum;
  put("next-label", bidding ? "Next bid at least" : stage.phase === "COMPLETED" && stage.accepted ? "Leading bids" : "");
  put("next", bidding ? stage.minimum : stage.phase === "COMPLETED" && stage.accepted ? String(stage.accepted) : "");
  if (now() > state.refusalUntil) put("refusal", "");
}

function paintBids(stage) {
  const list = $("bids");
  const shown = state.bids.slice(0, SHOWN_BIDS);
  const key = JSON.stringify([stage.auction_id, stage.phase, shown]);
  if (list.dataset.key !== key) {
    list.dataset.key = key;
    list.replaceChildren(...(shown.length ? shown.map(bidLine) : [noBids(stage)]));
  }
  const refusal = state.refusals[0];
  if (refusal && now() <= state.refusalUntil) {
    const why = REASONS[refusal.reason] || "not read as a bid";
    put("refusal", `@${refusal.handle}${refusal.amount ? ` · ${refusal.amount}` : ""} · ${why}`
      + (refusal.required ? `, at least ${refusal.required}` : ""));
  }
}

function bidLine(bid) {
  const line = document.createElement("li");
  const parts = [["b", `@${bid.handle}`], ["span", bid.amount], ["time", clockTime(bid.posted_at_ms)]];
  for (const [tag, text] of parts) {
    const part = document.createElement(tag);
    part.textContent = text;
    part.style.setProperty("--length", text.length);
    line.append(part);
  }
  line.classList.toggle("new", bid.post_id === state.newest);
  return line;
}

function noBids(stage) {
  const line = document.createElement("li");
  line.className = "none";
  const open = stage.phase === "ACTIVE" && stage.hashtag;
  line.textContent = open ? `Reply to the auction post with #${stage.hashtag} and an amount in ETH.`
    : stage.phase === "COMPLETED" ? "None" : "None yet";
  return line;
}

const wanted = new URLSearchParams(location.search);
document.documentElement.classList.toggle("transparent", wanted.get("transparent") === "1");
setInterval(paintClock, 200);
setInterval(watch, 1000);
connect();
