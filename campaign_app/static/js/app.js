/*
 * What every page has. It starts the parts a page asks for by its attributes, and fetches no others:
 * live figures, charts, editors, uploads. htmx's swaps are started in the same way.
 */

import "./confirm.js";
import { relative } from "./format.js";
import * as live from "./live.js";
import * as toasts from "./toasts.js";

const PARTS = [
  ["[data-chart]", () => import("./charts.js")],
  ["textarea[data-editor]", () => import("./editor.js")],
  ["form[data-upload]", () => import("./upload.js")],
];

function start(node) {
  live.start(node);
  toasts.start(node);
  for (const [selector, fetchPart] of PARTS) {
    if (node.querySelector(selector)) fetchPart().then((part) => part.start(node));
  }
  times(node);
}

function times(node = document) {
  for (const element of node.querySelectorAll("time[data-relative]")) {
    element.textContent = relative(element.dateTime);
  }
}

/** A form that came back is mended where the first mistake is. */
function toMistake() {
  document.querySelector("main .is-invalid")?.focus();
}

function csrf() {
  return document.querySelector("meta[name=csrf-token]")?.content ?? "";
}

document.addEventListener("htmx:configRequest", (event) => {
  if (event.detail.verb !== "get") event.detail.headers["X-CSRFToken"] = csrf();
});

document.addEventListener("htmx:afterSettle", () => start(document));

/* A morph must not touch what charts.js has drawn (its canvas carries its size, its table the
   figures), nor a part that keeps what its reader has chosen. */
function mayMorph(node) {
  if (node.matches?.("[data-morph-keep]")) return false;
  return !node.parentElement?.matches("[data-chart]") || node.nodeName === "SCRIPT";
}

if (window.Idiomorph) {
  Object.assign(window.Idiomorph.defaults.callbacks, {
    beforeNodeMorphed: mayMorph,
    beforeNodeRemoved: mayMorph,
  });
}

for (const type of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(type, () => toasts.toast("That did not work. Please try again.", "danger"));
}

function pressTheme() {
  for (const button of document.querySelectorAll("[data-theme-choice]")) {
    const pressed = button.dataset.themeChoice === window.carillonTheme.choice();
    button.setAttribute("aria-pressed", String(pressed));
    button.classList.toggle("active", pressed);
  }
}

document.addEventListener("themechange", pressTheme);

function reveal(button) {
  const input = document.getElementById(button.dataset.reveal);
  const shown = input.type === "password";
  input.type = shown ? "text" : "password";
  button.setAttribute("aria-pressed", String(shown));
}

const CLICKS = {
  "[data-theme-choice]": (button) => window.carillonTheme.choose(button.dataset.themeChoice),
  "[data-reveal]": reveal,
  "[data-dismiss]": (button) => button.closest(".alert").remove(),
};

document.addEventListener("click", (event) => {
  for (const [selector, act] of Object.entries(CLICKS)) {
    const element = event.target.closest?.(selector);
    if (element) act(element);
  }
});

/* A second press of Save must not save twice; the page that answers has a fresh button. */
document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (!button || event.defaultPrevented || event.target.target === "_blank") return;
  setTimeout(() => button.setAttribute("disabled", ""), 0);
  setTimeout(() => button.removeAttribute("disabled"), 8000);
});

/* A box that narrows a long list of choices: data-filter="#list", whose items say data-filter-text. */
document.addEventListener("input", (event) => {
  const list = event.target.dataset.filter;
  if (!list) return;
  const wanted = event.target.value.trim().toLowerCase();
  for (const item of document.querySelectorAll(`${list} [data-filter-text]`)) {
    item.hidden = !item.dataset.filterText.includes(wanted);
  }
});

document.addEventListener("change", (event) => {
  const form = event.target.closest?.("[data-auto-submit]")?.form ?? null;
  if (form) form.requestSubmit();
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, textarea, select, [contenteditable]")) return;
  const target = document.querySelector(`[data-shortcut="${CSS.escape(event.key)}"]`);
  if (!target) return;
  event.preventDefault();
  target.focus();
});

pressTheme();
start(document);
toMistake();
setInterval(times, 10000);
