/*
 * Chart.js in Tabler's colours. `ui.chart(kind, config, label)` draws these kinds:
 *
 *   doughnut   {labels, values, colors, centre?}                 centre: a text in the hole
 *   bars       {labels, series: [{label, values, color}], horizontal?, stacked?}
 *              or, for one series, {labels, values, colors}
 *   lines      {labels, series: [{label, values, color}], area?}
 *   sparkline  {values, color}
 *   timeline   {labels, bars: {label, values, color}, line: {label, values, color}}   line in per cent
 *
 * Colours are Tabler's names ("blue", "green", "secondary", …). Live data at `data-chart-live` is a
 * part of the same config and is merged into it. Every chart carries a table for screen readers.
 */

import { KINDS } from "./chart_kinds.js";
import { number } from "./format.js";
import { at, latestFor } from "./live.js";

await import(new URL("../vendor/chartjs/chart.umd.min.js", import.meta.url).href);

const Chart = window.Chart;
const drawn = new Map();

/* What the chart says, as a table: the canvas itself is silent. */
function table(config, label) {
  const series = config.series ?? [config.bars, config.line].filter(Boolean);
  const columns = series.length ? series : [{ label: "Value", values: config.values ?? [] }];
  const rows = (config.labels ?? []).map((name, row) => [name, ...columns.map((one) => number(one.values[row]))]);
  const element = document.createElement("table");
  element.className = "visually-hidden";
  element.createCaption().textContent = label;
  const head = element.createTHead().insertRow();
  for (const text of ["", ...columns.map((one) => one.label)]) head.insertCell().textContent = text;
  const body = element.createTBody();
  for (const cells of rows) {
    const row = body.insertRow();
    for (const text of cells) row.insertCell().textContent = text;
  }
  return element;
}

function describe(box, config) {
  box.querySelector("table")?.remove();
  if (config.labels?.length) box.append(table(config, box.dataset.chartLabel ?? ""));
}

function draw(box) {
  const canvas = box.querySelector("canvas");
  if (!canvas || drawn.has(box)) return;
  const config = JSON.parse(box.querySelector("script[type='application/json']").textContent);
  const chart = new Chart(canvas, KINDS[box.dataset.chart](config));
  drawn.set(box, { chart, config });
  describe(box, config);
  feed(box, latestFor(box));
}

/** Give the chart in `box` new figures. */
export function update(box, part) {
  const entry = drawn.get(box);
  if (!entry) return;
  const config = { ...entry.config, ...part };
  if (JSON.stringify(config) === JSON.stringify(entry.config)) return;
  entry.config = config;
  redraw(box, entry);
}

function redraw(box, entry) {
  const fresh = KINDS[box.dataset.chart](entry.config);
  entry.chart.data = fresh.data;
  entry.chart.options = fresh.options;
  entry.chart.update("none");
  describe(box, entry.config);
}

function sweep() {
  for (const [box, entry] of drawn) {
    if (box.isConnected) continue;
    entry.chart.destroy();
    drawn.delete(box);
  }
}

/** Draw every chart at or below `node`. */
export function start(node) {
  sweep();
  for (const box of node.querySelectorAll("[data-chart]")) draw(box);
}

Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
Chart.defaults.font.size = 12;

document.addEventListener("themechange", () => {
  for (const [box, entry] of drawn) redraw(box, entry);
});

function feed(box, data) {
  const part = box.dataset.chartLive && data ? at(data, box.dataset.chartLive) : undefined;
  if (part) update(box, Array.isArray(part) ? { values: part } : part);
}

document.addEventListener("live:data", ({ target, detail }) => {
  for (const box of target.querySelectorAll("[data-chart-live]")) {
    if (box.closest("[data-live-url]") === target) feed(box, detail);
  }
});
