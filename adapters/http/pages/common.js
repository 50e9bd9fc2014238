// What the pages share: putting texts in, the time by the server's clock, and the picture of a lot.

export const $ = (id) => document.getElementById(id);

// The text without the characters that turn the direction of the text after them.
export const plain = (text) => (text || "").replace(/[\u202a-\u202e\u2066-\u2069]/g, "");

export function put(element, text) {
  const wanted = plain(text);
  if (element.textContent === wanted) return;
  element.textContent = wanted;
  // How many characters have to fit: the style sheet derives sizes from it, since amounts are shown whole.
  element.style.setProperty("--length", wanted.length);
}

export function span(ms) {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  const two = (number) => String(number).padStart(2, "0");
  const minutes = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  const days = Math.floor(seconds / 86400);
  const hours = Math.floor(seconds / 3600) % 24;
  return `${days ? `${days} d ${two(hours)}:` : hours ? `${hours}:` : ""}${minutes}`;
}

// ---- the server's time: the viewer's own clock may be wrong, and may be set while the page is open

const readings = [];

// Every reading is late by its travel time, so the largest of the last few is the nearest to the server's clock.
export function setClock(serverMs) {
  readings.push(serverMs - performance.now());
  if (readings.length > 8) readings.shift();
}

export const now = () => performance.now() + (readings.length ? Math.max(...readings) : performance.timeOrigin);

// ---- the lot

export function paintLot({ lot, day }) {
  put($("title"), lot ? lot.title : day ? `Day ${day}` : "The next auction is being prepared");
  put($("token"), lot && `Token ${lot.token_id}`);
  const source = lot && lot.image ? `/images/${encodeURIComponent(lot.image)}` : "";
  const image = $("image");
  if (image.dataset.source !== source) {
    image.dataset.source = source;
    image.hidden = true;
    image.onload = () => { image.hidden = false; $("plate").hidden = true; };
    image.onerror = () => { image.hidden = true; $("plate").hidden = false; };
    if (source) image.src = source;
    image.alt = lot ? plain(lot.title) : "";
    $("plate").hidden = false;
  }
  // Without an image the lot's number is shown, on a background of its own hue.
  put($("plate"), lot && `№ ${lot.token_id.slice(-6)}`);
  const hue = lot ? (Number(lot.token_id.slice(-9)) * 47 + 210) % 360 : 225;
  $("plate").style.setProperty("--hue", hue);
}
