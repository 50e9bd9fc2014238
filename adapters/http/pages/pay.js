// The page to pay on: puts where a settlement stands into words, and has a wallet pay.
// Texts of bidders, artists and wallets are put in as text, never as markup.

import { $, now, paintLot, put, setClock, span } from "/common.js";
import { isMined, pay, wallets, whyClosed } from "/wallet.js";

const POLL_MS = 2000;
const PATIENCE_MS = 8000;
const HURRY_MS = 600000;
const SYSTEMS = { chain: "The chain", x: "X", house: "Our system" };

const auction = location.pathname.split("/")[2];
const api = `/api/auctions/${auction}/settlement`;

let state = null; // the last answer of the API
let missing = false;
let connected = false;
let polling = false;
let paying = false;
let said = ""; // what is to be said about the last attempt to pay, while the offer lasts
let undone = ""; // what is to be said about a payment that was reverted in its block
let looking = false;
let sent = null; // the payment that this tab has sent: its offer, its hash, and whether it is in a block

// ---- the payment that was sent, also after the page was loaded again

const KEPT = `sent:${auction}`;

function remember(payment) {
  sent = payment;
  try {
    if (payment) sessionStorage.setItem(KEPT, JSON.stringify({ offer: payment.offer, hash: payment.hash }));
    else sessionStorage.removeItem(KEPT);
  } catch { /* this browser keeps nothing: the payment is forgotten with the page */ }
}

try {
  sent = JSON.parse(sessionStorage.getItem(KEPT));
} catch { /* the same */ }

// Asks the wallets what has become of the payment. They may take any time, for which nothing else waits.
async function lookAfterSent() {
  if (!sent || looking || isOver()) return;
  if (state.offer && state.offer !== sent.offer) return remember(null);
  looking = true;
  const { offer, hash } = sent;
  const mined = await isMined(hash);
  const why = mined === false ? await whyClosed(wallets()[0], state.contract, offer) : "";
  looking = false;
  if (sent?.hash !== hash) return;
  sent.mined = mined;
  if (mined === false) {
    remember(null);
    undone = `Your payment was undone, and only the network's fee is gone. ${why || "Press the button to try again."}`;
  }
  paint();
}

// ---- asking the server

const isOver = () => ["FINAL", "UNSOLD"].includes(state?.stage) || ["unsold", "void"].includes(state?.outcome);

async function poll() {
  if (polling) return;
  polling = true;
  try {
    const response = await fetch(api, { signal: AbortSignal.timeout(PATIENCE_MS) });
    missing = response.status === 404;
    connected = response.ok || missing;
    if (response.ok) {
      const answer = await response.json();
      if (answer.offer !== state?.offer) said = "";
      state = answer;
      setClock(state.server_time_ms);
      lookAfterSent();
    }
  } catch {
    connected = false;
  }
  polling = false;
  paint();
}

async function payWith(wallet) {
  paying = true;
  said = undone = "";
  paint();
  const { offer } = state;
  try {
    const hash = await pay(wallet, state);
    remember({ offer, hash, mined: null });
  } catch (fault) {
    said = fault.message;
  }
  paying = false;
  paint();
}

// ---- the words of each stage

const buyer = () => `@${state.buyer_handle}`;
const short = (address) => `${address.slice(0, 6)}…${address.slice(-4)}`;

// Nothing is to be paid any more, and the next bidder has not been asked yet.
const closing = () => state.offer
  ? "Please do not pay any more: the offer is being taken back. Then the next bidder is asked."
  : "Nobody has paid. The next bidder is asked soon.";

const WORDS = {
  AWAITING_WALLET: () => ({ badge: "Sold", mood: "wait", headline: `Waiting for ${buyer()} to name a wallet`,
    detail: `${buyer()}: reply to the post with an address, 0x and 40 more characters. The token will go there.` }),
  WALLET_NAMED: () => ({ badge: "Sold", mood: "wait", headline: "The offer is on its way",
    detail: `It is made on ${state.chain.name} some minutes after the wallet was named. Then you can pay here.` }),
  OFFERED() {
    if (sent) return { badge: "Sent", mood: "wait", headline: "Your payment is on its way", detail: "" };
    if (timeLeft() <= 0) return { badge: "Closed", mood: "over", headline: "The time is over", detail: closing() };
    return { badge: "To be paid", mood: "pay", headline: "Pay now", detail: `Pay the exact price on ${state.chain.name}.` };
  },
  PAID: () => ({ badge: "Paid", mood: "wait", headline: "Paid, waiting for Ethereum",
    detail: state.payment_level === "safe"
      ? "Ethereum has the payment and will soon make it final. Nothing is left to do."
      : `The payment is in a block of ${state.chain.name}. Ethereum makes it final, usually within half an hour. Nothing is left to do.` }),
  FINAL: () => ({ badge: "Final", mood: "done", headline: `Final: the lot is at ${short(state.wallet)}`,
    detail: "The payment can no longer be undone. Thank you!" }),
  EXPIRED: () => ({ badge: "Closed", mood: "over", headline: "The time is over", detail: closing() }),
  DECLINED: () => ({ badge: "Closed", mood: "over", headline: `${buyer()} does not want the lot`, detail: closing() }),
  NEXT_BIDDER: () => ({ badge: "Closed", mood: "over", headline: "The time is over",
    detail: "Nobody has paid. The next bidder is being asked." }),
  UNSOLD: () => ({ badge: "Not sold", mood: "over", headline: "Unsold",
    detail: "Nobody has paid for this lot. It comes again on another day." }),
};

function words() {
  if (missing) {
    return { badge: "", mood: "over", headline: "There is no such auction", detail: "Check the address of this page: our post on X has it." };
  }
  const { stage, phase, outcome } = state;
  if (stage) return chainIsDown() ? DOWN : WORDS[stage]();
  if (phase !== "COMPLETED") {
    return { badge: "Not over", mood: "wait", headline: "Nothing is to be paid yet", detail: "The auction has not ended." };
  }
  if (outcome !== "sold" || state.leader_injected) {
    return { badge: "Not sold", mood: "over", headline: "Nothing is to be paid", detail: "Nothing was sold on this day." };
  }
  return { badge: "Sold", mood: "wait", headline: "Nothing is to be paid yet", detail: "The winner is asked for a wallet soon." };
}

const DOWN = { badge: "On hold", mood: "wait", headline: "The chain is down: your time stands still",
  detail: "Nothing is lost, and nothing is to be done: this page goes on as soon as the chain is back." };

// The time of these stages is the buyer's.
const isTimed = () => ["AWAITING_WALLET", "WALLET_NAMED", "OFFERED"].includes(state?.stage);
const chainIsDown = () => isTimed() && state.down.includes("chain");
const timeLeft = () => state.pay_by_ms === null ? Infinity : state.pay_by_ms - now();

const date = new Intl.DateTimeFormat("en-US", { weekday: "short", month: "short", day: "numeric", hour: "2-digit",
  minute: "2-digit", hourCycle: "h23", timeZoneName: "short" });

// ---- painting

function paint() {
  put($("link"), connected ? "" : state ? "Reconnecting…" : "Connecting…");
  if (!state && !missing) return;
  const { badge, mood, headline, detail } = words();
  document.body.dataset.mood = mood;
  document.title = `${headline} · Pay for a lot`;
  put($("badge"), badge);
  put($("headline"), headline);
  put($("detail"), detail);
  if (state && !missing) paintSettlement();
}

function paintSettlement() {
  put($("day"), `Day ${state.day}`);
  paintLot({ lot: { title: state.lot_title, token_id: state.lot_token_id, image: state.lot_image }, day: state.day });
  $("facts").hidden = !state.stage || ["NEXT_BIDDER", "UNSOLD"].includes(state.stage);
  put($("price"), state.price);
  put($("wallet-label"), state.stage === "FINAL" ? "The token is at" : "The token goes to");
  put($("wallet"), state.wallet || "no wallet is named yet");
  paintTime();
  const canPay = state.payment && !chainIsDown() && timeLeft() > 0 && !sent?.mined;
  $("paying").hidden = $("other").hidden = !canPay;
  if (canPay) paintPayment();
  put($("said"), undone || (canPay ? said : ""));
  paintSent();
}

function paintTime() {
  $("time").closest("div").hidden = !isTimed();
  if (!isTimed()) return;
  const left = timeLeft();
  const down = state.down.map((what) => `${SYSTEMS[what.toLowerCase()] || what} is down`).join(", ");
  put($("time"), left < Infinity ? span(left) : down ? "stands still" : "has not begun");
  put($("until"), left < Infinity ? `until ${date.format(state.pay_by_ms)}` : down);
  $("time").classList.toggle("hurry", left < HURRY_MS);
}

function paintPayment() {
  const found = wallets();
  const key = JSON.stringify([found.map(({ name }) => name), state.price, state.offer, paying, Boolean(sent)]);
  if ($("buttons").dataset.key === key) return;
  $("buttons").dataset.key = key;
  $("buttons").replaceChildren(...found.map((wallet) => button(wallet, found.length > 1)));
  put($("anyone"), `Anyone may pay. Whoever pays, the token goes to the wallet above, which ${buyer()} has named.`);
  const { payment, chain, offer } = state;
  $("other").open ||= !found.length;
  $("code").src = `/pay/${auction}/code.svg?offer=${offer}`;
  $("uri").href = payment.uri;
  put($("call-chain"), `${chain.name} (${chain.id})`);
  copied($("call-to"), payment.to);
  copied($("call-value"), payment.value_wei);
  copied($("call-data"), payment.data);
}

function button(wallet, hasOthers) {
  const element = document.createElement("button");
  const verb = sent ? "Pay again" : `Pay ${state.price}`;
  put(element, paying ? "Answer in your wallet…" : hasOthers ? `${verb} with ${wallet.name}` : verb);
  element.disabled = paying;
  element.classList.toggle("again", Boolean(sent));
  element.onclick = () => payWith(wallet);
  return element;
}

// A text with a button that copies it, where the browser allows that.
function copied(element, text) {
  put(element, text);
  if (!navigator.clipboard) return;
  const copy = document.createElement("button");
  copy.textContent = "Copy";
  copy.onclick = async () => {
    await navigator.clipboard.writeText(text);
    copy.textContent = "Copied";
  };
  element.append(" ", copy);
}

function paintSent() {
  $("sent").hidden = !sent;
  if (!sent) return;
  const waits = state.stage === "OFFERED" && !sent.mined;
  put($("sent-words"), waits
    ? "It waits for a block. Pay again only if you have cancelled it: a second payment would be undone. Its transaction:"
    : sent.mined ? "Your payment is in a block:" : "Your payment:");
  put($("sent-hash"), sent.hash);
  const explorer = state.chain.explorer_url;
  if (explorer) $("sent-hash").href = `${explorer}/tx/${encodeURIComponent(sent.hash)}`;
}

setInterval(() => { if (!isOver() && !missing) poll(); }, POLL_MS);
setInterval(paint, 200);
// A phone that comes back from its wallet should not wait.
document.addEventListener("visibilitychange", () => { if (!document.hidden) poll(); });
poll();
