/*
 * Live figures without a page's own script. An element with `data-live-url` and `data-live-every`
 * (seconds) is polled for; inside it, and in no other live element within it,
 *
 *   data-live="counts.sent"           shows the value (data-live-format: number, percent, duration,
 *                                     clock, relative, text; without one, numbers get their commas)
 *   data-live-show / data-live-hide   shows or hides by the value's truth
 *   data-live-progress="percent"      sets the width of a progress bar, 0 to 100
 *   data-live-title="path"            sets the title (for explanations)
 *   data-chart-live="path"            feeds a chart (charts.js)
 *   data-live-reload="status"         morphs the page's <main> when this value changes
 *   data-live-refresh="counts.done"   sends the element a `refresh` event when this value changes, for
 *                                     hx-trigger; never under a pointer or a focus: somebody reads there
 *   data-live-seen="sending"          for these two, the value the page was made with: even the first
 *                                     answer may be news, when things move faster than the polling
 *
 * Each answer is also announced as a `live:data` event on the element, for everything else.
 */

import { FORMATS, number } from "./format.js";

const SLOWEST = 60;
const TIMEOUT = 15000;

/** Thrown by `ask` when asking again is pointless: logged out, deleted, forbidden. */
class Gone extends Error {}

function sleep(seconds) {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}

function visible() {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve) => {
    document.addEventListener("visibilitychange", resolve, { once: true });
  }).then(visible);
}

async function ask(url, etag) {
  const headers = { Accept: "application/json" };
  if (etag) headers["If-None-Match"] = etag;
  const answer = await fetch(url, { headers, cache: "no-store", signal: AbortSignal.timeout(TIMEOUT) });
  if (answer.status === 304) return { etag, data: undefined };
  const gone = answer.redirected || [401, 403, 404, 410].includes(answer.status);
  if (gone) throw new Gone(`${url} answered ${answer.status}`);
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
  return { etag: answer.headers.get("ETag"), data: await answer.json() };
}

const lost = new Set();

function connection(url, works) {
  if (works) lost.delete(url);
  else lost.add(url);
  const notice = document.getElementById("connection-lost");
  if (notice) notice.hidden = lost.size === 0;
}

/**
 * Ask `url` every `seconds` and hand each changed answer to `callback(data)`. It rests in a hidden
 * tab, slows down up to a minute while the server does not answer, and shows "connection lost" from
 * the second failure on. Gives a function that stops it.
 */
export function poll(url, seconds, callback) {
  let stopped = false;
  let failures = 0;
  let etag = null;

  async function once() {
    try {
      const answer = await ask(url, etag);
      etag = answer.etag;
      failures = 0;
      connection(url, true);
      if (answer.data !== undefined && !stopped) callback(answer.data);
    } catch (error) {
      if (error instanceof Gone) {
        stopped = true;
        connection(url, true);
        return;
      }
      failures += 1;
      if (failures > 1) connection(url, false);
    }
  }

  (async () => {
    while (!stopped) {
      await visible();
      if (stopped) break;
      await once();
      await sleep(Math.min(SLOWEST, seconds * 2 ** failures));
    }
  })();
  return () => {
    stopped = true;
    connection(url, true);
  };
}

export function at(data, path) {
  return path.split(".").reduce((value, key) => (value == null ? undefined : value[key]), data);
}

/** The elements of `root` with this attribute that belong to it, not to a live element inside it. */
function* own(root, attribute) {
  for (const element of root.querySelectorAll(`[${attribute}]`)) {
    if (element.closest("[data-live-url]") === root) yield [element, element.getAttribute(attribute)];
  }
}

function fill(element, value) {
  const format = element.dataset.liveFormat;
  const text = format ? FORMATS[format](value) : number(value);
  if (element.textContent !== text) element.textContent = text;
  if (format === "relative" && element.dateTime !== undefined) element.dateTime = value;
}

function stretch(bar, value) {
  const percent = Math.max(0, Math.min(100, Number(value) || 0));
  bar.style.width = `${percent}%`;
  bar.closest("[role=progressbar]")?.setAttribute("aria-valuenow", String(Math.floor(percent)));
}

/** Put `data` into the elements of `root`; a path that the data lacks leaves its element alone. */
export function show(root, data) {
  const each = (attribute, act) => {
    for (const [element, path] of own(root, attribute)) {
      const value = at(data, path);
      if (value !== undefined) act(element, value, path);
    }
  };
  each("data-live", fill);
  each("data-live-progress", stretch);
  each("data-live-title", (element, value) => element.setAttribute("title", value ?? ""));
  each("data-live-show", (element, value) => element.toggleAttribute("hidden", !value));
  each("data-live-hide", (element, value) => element.toggleAttribute("hidden", Boolean(value)));
  each("data-live-reload", (element, value, path) => reloadWhenChanged(element, path, String(value)));
  each("data-live-refresh", (element, value, path) => refreshWhenChanged(element, path, String(value)));
}

/* What each element was last told. Not kept in the element itself: a swap replaces that, and what
   happens between the swap and the next answer would go unnoticed. */
const told = new Map();

/** Whether `value` is news to the element; `note()` it when something comes of it. */
function news(element, path, value) {
  const key = `${path}#${element.id}`;
  const before = told.get(key) ?? element.dataset.liveSeen;
  const note = () => told.set(key, value);
  if (before === undefined || before === value) note();
  return { changed: before !== undefined && before !== value, note };
}

function reloadWhenChanged(element, path, value) {
  const { changed, note } = news(element, path, value);
  if (!changed || !window.htmx) return;
  note();
  window.htmx.ajax("GET", window.location.href, { target: "#main", select: "#main", swap: "morph:outerHTML" });
}

function refreshWhenChanged(element, path, value) {
  const { changed, note } = news(element, path, value);
  if (!changed) return;
  if (element.matches(":hover, :focus-within")) return onceLeft(element);
  note();
  window.htmx?.trigger(element, "refresh");
}

/* The next answers may all be 304: what was held back under the pointer is looked at again by itself. */
function onceLeft(element) {
  for (const type of ["pointerleave", "focusout"]) element.addEventListener(type, showAgain, { once: true });
}

function showAgain() {
  setTimeout(() => start(document));
}

const latest = new WeakMap();

/** The last answer for the live element that `node` belongs to, or undefined. */
export function latestFor(node) {
  return latest.get(node.closest("[data-live-url]"));
}

function follow(root) {
  latest.set(root, undefined);
  const stop = poll(root.dataset.liveUrl, Number(root.dataset.liveEvery) || 5, (data) => {
    if (!root.isConnected) return stop();
    latest.set(root, data);
    show(root, data);
    root.dispatchEvent(new CustomEvent("live:data", { detail: data, bubbles: true }));
  });
}

/**
 * Start polling for every live element below `node`. One that is polled for already is only filled
 * again: what a swap has just brought in is as old as its rendering, and the next answer may be 304.
 */
export function start(node) {
  for (const root of node.querySelectorAll("[data-live-url]")) {
    if (!latest.has(root)) follow(root);
    else if (latest.get(root)) show(root, latest.get(root));
  }
}
