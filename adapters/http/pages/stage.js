// The stage page: puts the present state of the feed into words, and shows it.
// Texts of bidders, artists and the character are put in as text, never as markup.

import { $, now, paintLot, put, span } from "/common.js";
import { feed, follow } from "/feed.js";

const HURRY_MS = 60000;
const LAST_MS = 10000;
const SHOWN_BIDS = 8;
const SHOWN_REFUSAL_MS = 12000;
const SHOWN_EXTENSION_MS = 8000;
const DAY_MS = 86400000;

// ---- times in words, in the marathon's time zone, as in its posts

let formats = {};

function format(at, style) {
  const zone = feed.programme.time_zone;
  if (formats.zone !== zone) formats = { zone, clock: formatter(zone, {}), date: formatter(zone, DATED) };
  return formats[style].format(at);
}

const DATED = { weekday: "short", month: "short", day: "numeric", second: undefined, timeZoneName: "short" };

function formatter(timeZone, more) {
  const style = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", ...more };
  try {
    return new Intl.DateTimeFormat("en-US", { ...style, timeZone });
  } catch { // this browser does not know the zone: use the viewer's own, and name it
    return new Intl.DateTimeFormat("en-US", { ...style, timeZoneName: "short" });
  }
}

const clockTime = (at) => format(at, "clock");
const date = (at) => format(at, "date");
const clockTimeAndZone = (at) => `${clockTime(at)} ${date(at).split(" ").pop()}`;

// ---- what is on stage

// What is shown: the auction on stage; before the first one, and for some time before the next one, the one to come.
function scene() {
  const { stage, programme } = feed;
  const next = programme.days.find((day) => day.day > (stage.day || 0) && day.closes_at_ms > now());
  const shown = { stage, next, bids: feed.bids, character: feed.character };
  if (!next || (stage.auction_id && stage.phase !== "COMPLETED")) return shown;
  const last = stage.ends_at_ms || next.opens_at_ms - DAY_MS;
  if (stage.auction_id && next.opens_at_ms - now() > (next.opens_at_ms - last) / 4) return shown;
  const { day, lot, minimum, opens_at_ms, closes_at_ms } = next;
  const coming = { days: stage.days || programme.days.length, phase: "PENDING", day, lot, minimum, opens_at_ms, ends_at_ms: closes_at_ms };
  return { stage: { ...coming, auction_id: `coming-${day}` }, next, bids: [], character: null };
}

const EXTENDED = {
  bid: "Extended by a late bid", lost_lead: "Extended: the bid that led counts no more",
  outage: "Extended for an outage", operator: "Extended by the operator",
};

const PAUSED = {
  badge: "Paused", note: "A bid during the pause does not count. The pause moves the end by its length.",
  timeLabel: "Left after the pause", until: "", how: "", example: "", left: Infinity,
};

const NOTHING = {
  badge: "", label: "", test: "", amount: "", who: "", note: "", timeLabel: "", time: "", nextLabel: "", next: "", until: "",
  extended: "", how: "", example: "", progress: 0, left: Infinity,
};

// The words of each phase. `left` is the time left for bidding, `progress` its share of the whole.
const WORDS = {
  PENDING({ stage }) {
    const wait = stage.opens_at_ms - now();
    return {
      badge: wait < 3600000 ? "Opening soon" : "Coming up",
      label: "Reserve",
      amount: stage.minimum,
      timeLabel: wait > 0 ? "Opens in" : "Opens",
      time: wait > 0 ? span(wait) : "in a moment",
      until: date(stage.opens_at_ms),
    };
  },

  ACTIVE({ stage }) {
    // A pause moves the end by its length: the time left at its beginning is left at its end.
    const paused = stage.paused_from_ms;
    const left = stage.ends_at_ms - (paused || now());
    const { leader } = stage;
    const words = {
      badge: stage.extended_by ? "Live · extended" : "Live",
      label: leader ? "Leading bid" : "Reserve",
      test: testMark(leader),
      amount: leader ? leader.amount : stage.minimum,
      who: leader ? `@${leader.handle}` : paused ? "" : "Be the first to bid",
      note: leader && stage.provisional ? `Provisional · ${checked(stage) || "earlier posts may still arrive"}` : "",
      timeLabel: left > HURRY_MS ? "Ends in" : left > 0 ? "Last minute" : "Time is up",
      time: span(left),
      nextLabel: "Next bid at least",
      next: stage.minimum,
      until: `until ${clockTimeAndZone(stage.ends_at_ms)}`,
      extended: EXTENDED[stage.extended_by],
      how: "To bid, reply to the auction post:",
      example: `#${stage.hashtag} ${stage.minimum}`,
      progress: left / Math.max(1, stage.ends_at_ms - stage.opens_at_ms),
      left,
    };
    return paused ? { ...words, ...PAUSED } : words;
  },

  PROCESSING({ stage }) {
    const { leader } = stage;
    return {
      badge: "Checking the last bids",
      label: leader ? "Leading so far" : "No bid so far",
      test: testMark(leader),
      amount: leader ? leader.amount : "",
      who: leader ? `@${leader.handle}` : "",
      note: stage.overdue
        ? "This takes longer than usual; the operator decides how it goes on."
        : "Every post made before the end counts, however late it arrives.",
      timeLabel: `Ended ${clockTimeAndZone(stage.ends_at_ms)}`,
      time: "Checking the last bids",
      until: checked(stage),
      extended: EXTENDED[stage.extended_by],
    };
  },

  COMPLETED({ stage, next }) {
    const { winner } = stage;
    const isVoid = stage.outcome === "void";
    const ended = isVoid ? "Void since" : stage.post_id ? "Closed at" : "";
    const closed = ended && `${ended} ${clockTimeAndZone(stage.ends_at_ms)}`;
    const count = stage.accepted ? `${stage.accepted} accepted bid${stage.accepted > 1 ? "s" : ""}` : "";
    const over = stage.over ? "The marathon is over. Thank you for being here." : "";
    const opens = next && { timeLabel: `Day ${next.day} opens in`, time: span(next.opens_at_ms - now()),
      until: date(next.opens_at_ms), nextLabel: "Next lot", next: next.lot.title };
    return {
      badge: { sold: "Sold", test: "Test over", unsold: "Not sold", void: "Void" }[outcome(stage)] || "Closed",
      label: !winner ? "Result" : winner.injected ? "Nothing is sold: won by a" : "Sold to",
      test: testMark(winner),
      amount: winner ? winner.amount : "",
      who: winner ? `@${winner.handle}` : { unsold: "No bid reached the reserve", void: "Nothing is sold today" }[stage.outcome],
      note: [closed, count, over].filter(Boolean).join(" · "),
      ...opens,
    };
  },
};

// An injected bid of a test counts as any other, and is marked so that nobody takes it for a real one.
const testMark = (bid) => bid && bid.injected ? "Test bid" : "";

const outcome = ({ outcome, winner }) => testMark(winner) ? "test" : outcome || "";

function checked(stage) {
  const { watermark_ms: known, opens_at_ms: from, ends_at_ms: end } = stage;
  return known > from ? `every post until ${clockTime(Math.min(known, end))} is in` : "";
}

// ---- painting

function paint() {
  put($("link"), feed.connected ? "" : feed.stage ? "Reconnecting…" : "Connecting…");
  if (!feed.stage) return;
  const shown = scene();
  const { stage } = shown;
  const phase = stage.auction_id ? stage.phase : "WAITING";
  const words = { ...NOTHING, ...(WORDS[phase] ? WORDS[phase](shown) : { badge: "Waiting" }) };
  paintWords(stage, phase, words);
  paintLot(stage);
  paintBids(stage, shown.bids);
  put($("line"), shown.character && shown.character.text);
  $("host").classList.toggle("silent", !shown.character);
}

function paintWords(stage, phase, words) {
  const { dataset, classList } = document.body;
  dataset.phase = phase;
  dataset.outcome = outcome(stage);
  classList.toggle("paused", Boolean(stage.paused_from_ms));
  classList.toggle("hurry", words.left < HURRY_MS);
  classList.toggle("last", words.left < LAST_MS);
  classList.toggle("moved", phase === "ACTIVE" && now() - feed.extendedAt < SHOWN_EXTENSION_MS);
  const [number, unit] = words.amount.split(" ");
  put($("day"), stage.day && `Day ${stage.day}${stage.days ? ` of ${stage.days}` : ""}`);
  put($("badge"), words.badge);
  put($("label"), words.label);
  put($("test"), words.test);
  put($("amount"), number);
  put($("unit"), unit);
  put($("who"), words.who);
  put($("note"), words.note);
  put($("time-label"), words.timeLabel);
  put($("time"), words.time);
  put($("next-label"), words.nextLabel);
  put($("next"), words.next);
  put($("until"), words.until);
  put($("extended"), words.extended);
  put($("how"), words.how);
  put($("example"), words.example);
  $("progress").style.transform = `scaleX(${Math.min(1, Math.max(0, words.progress)).toFixed(4)})`;
  $("amount").parentElement.style.setProperty("--length", number.length);
  $("amount").parentElement.hidden = !number;
  const { posts_url: posts } = feed.programme;
  $("reply").hidden = !(posts && words.example);
  if (!$("reply").hidden) $("reply").href = posts + stage.post_id;
}

function paintBids(stage, bids) {
  const list = $("bids");
  const shown = bids.slice(0, SHOWN_BIDS);
  const key = JSON.stringify([stage.auction_id, stage.phase, shown]);
  if (list.dataset.key !== key) {
    list.dataset.key = key;
    list.replaceChildren(...(shown.length ? shown.map(bidLine) : [noBids(stage)]));
  }
  document.body.classList.toggle("wide", !shown.length && stage.phase !== "ACTIVE");
  const refusal = now() - feed.refusedAt < SHOWN_REFUSAL_MS ? feed.refusal : null;
  if (!refusal) return $("refusal").replaceChildren();
  const amount = refusal.amount ? ` · ${refusal.amount}` : "";
  const required = refusal.required ? `, at least ${refusal.required}` : "";
  const rest = `${amount} · ${refusal.words}${required}`;
  if ($("refusal").dataset.post !== refusal.post_id || !$("refusal").firstChild) {
    $("refusal").dataset.post = refusal.post_id;
    $("refusal").replaceChildren("Not counted: ", mark(refusal), part("bdi", `@${refusal.handle}`), rest);
  }
}

function bidLine(bid) {
  const line = document.createElement("li");
  const time = part("time", clockTime(bid.posted_at_ms));
  time.append(mark(bid));
  line.append(part("b", `@${bid.handle}`), part("span", bid.amount), time);
  line.classList.toggle("new", bid.post_id === feed.newest);
  return line;
}

function noBids(stage) {
  const line = part("li", stage.phase === "COMPLETED" ? "None" : "None yet");
  line.className = "none";
  return line;
}

function mark(bid) {
  const element = part("em", testMark(bid));
  element.className = "test";
  return element;
}

function part(tag, text) {
  const element = document.createElement(tag);
  put(element, text);
  return element;
}

const wanted = new URLSearchParams(location.search);
document.documentElement.classList.toggle("transparent", wanted.get("transparent") === "1");
follow(paint);
setInterval(paint, 200);
