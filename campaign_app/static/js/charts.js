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

import { number, percent } from "./format.js";
import { at, latestFor } from "./live.js";

await import(new URL("../vendor/chartjs/chart.umd.min.js", import.meta.url).href);

const Chart = window.Chart;
const drawn = new Map();
const still = window.matchMedia("(prefers-reduced-motion: reduce)");

/* Tabler writes its colours as oklch() and light-dark(), which Chart.js cannot read: the browser
   resolves the variable on a probe, and a canvas turns the answer into plain rgba. */
const probe = document.createElement("span");
probe.hidden = true;
document.body.append(probe);
const pixel = document.createElement("canvas").getContext("2d", { willReadFrequently: true });

function colour(name, alpha = 1) {
  probe.style.color = "";
  probe.style.color = `var(--tblr-${name})`;
  pixel.clearRect(0, 0, 1, 1);
  pixel.fillStyle = getComputedStyle(probe).color;
  pixel.fillRect(0, 0, 1, 1);
  const [red, green, blue, opacity] = pixel.getImageData(0, 0, 1, 1).data;
  return `rgba(${red}, ${green}, ${blue}, ${((opacity / 255) * alpha).toFixed(3)})`;
}

function axis(more = {}) {
  return {
    beginAtZero: true,
    border: { display: false },
    grid: { color: colour("border-color"), drawTicks: false },
    ticks: { color: colour("secondary"), padding: 8, maxRotation: 0, autoSkipPadding: 16, precision: 0 },
    ...more,
  };
}

function category(more = {}) {
  return axis({ grid: { display: false }, ...more });
}

function legend(visible) {
  return {
    display: visible,
    align: "end",
    labels: { color: colour("secondary"), usePointStyle: true, pointStyle: "circle", boxHeight: 7, boxWidth: 8 },
  };
}

function options(more) {
  const { plugins, ...rest } = more;
  return {
    responsive: true,
    maintainAspectRatio: false,
    animation: still.matches ? false : { duration: 400 },
    interaction: { mode: "index", intersect: false },
    plugins: {
      legend: legend(false),
      tooltip: {
        backgroundColor: colour("gray-900"),
        padding: 10,
        cornerRadius: 6,
        boxPadding: 4,
        usePointStyle: true,
      },
      ...plugins,
    },
    ...rest,
  };
}

/* The figure in a doughnut's hole, drawn by the chart so that it moves and prints with it. */
const centreText = {
  id: "centreText",
  afterDraw(chart, _args, settings) {
    if (!settings.text) return;
    const { left, right, top, bottom } = chart.chartArea;
    const context = chart.ctx;
    context.save();
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillStyle = settings.color;
    context.font = `600 22px ${Chart.defaults.font.family}`;
    const middle = (top + bottom) / 2;
    context.fillText(settings.text, (left + right) / 2, settings.caption ? middle - 8 : middle);
    if (settings.caption) {
      context.fillStyle = settings.captionColor;
      context.font = `12px ${Chart.defaults.font.family}`;
      context.fillText(settings.caption, (left + right) / 2, middle + 14);
    }
    context.restore();
  },
};

function doughnut(config) {
  const empty = !config.values.some(Boolean);
  return {
    type: "doughnut",
    plugins: [centreText],
    data: {
      labels: empty ? ["Nothing yet"] : config.labels,
      datasets: [
        {
          data: empty ? [1] : config.values,
          backgroundColor: empty ? [colour("border-color")] : config.colors.map((name) => colour(name)),
          borderColor: colour("bg-surface"),
          borderWidth: empty ? 0 : 2,
          borderRadius: empty ? 0 : 6,
          hoverOffset: 4,
        },
      ],
    },
    options: options({
      cutout: "74%",
      layout: { padding: 4 },
      interaction: { mode: "nearest", intersect: true },
      plugins: {
        legend: legend(false),
        tooltip: { enabled: !empty },
        centreText: {
          text: config.centre ?? "",
          caption: config.caption ?? "",
          color: colour("body-color"),
          captionColor: colour("secondary"),
        },
      },
    }),
  };
}

function bars(config) {
  const series = config.series ?? [{ label: config.label ?? "", values: config.values, colors: config.colors }];
  const scales = { stacked: Boolean(config.stacked) };
  return {
    type: "bar",
    data: {
      labels: config.labels,
      datasets: series.map((one) => ({
        label: one.label,
        data: one.values,
        backgroundColor: one.colors ? one.colors.map((name) => colour(name)) : colour(one.color ?? "primary"),
        borderRadius: 4,
        maxBarThickness: 28,
      })),
    },
    options: options({
      indexAxis: config.horizontal ? "y" : "x",
      plugins: { legend: legend(series.length > 1) },
      scales: config.horizontal
        ? { x: axis(scales), y: category(scales) }
        : { x: category(scales), y: axis(scales) },
    }),
  };
}

function shade(name) {
  return ({ chart }) => {
    const area = chart.chartArea;
    if (!area) return colour(name, 0.1);
    const gradient = chart.ctx.createLinearGradient(0, area.top, 0, area.bottom);
    gradient.addColorStop(0, colour(name, 0.28));
    gradient.addColorStop(1, colour(name, 0.04));
    return gradient;
  };
}

function curve(one, area) {
  return {
    label: one.label,
    data: one.values,
    borderColor: colour(one.color ?? "primary"),
    backgroundColor: area ? shade(one.color ?? "primary") : colour(one.color ?? "primary"),
    fill: Boolean(area),
    borderWidth: 2,
    tension: 0.35,
    cubicInterpolationMode: "monotone",
    pointRadius: one.values.length === 1 ? 3 : 0,
    pointHoverRadius: 4,
    pointHitRadius: 12,
  };
}

function lines(config) {
  return {
    type: "line",
    data: { labels: config.labels, datasets: config.series.map((one) => curve(one, config.area ?? true)) },
    options: options({
      plugins: { legend: legend(config.series.length > 1) },
      scales: { x: category(), y: axis() },
    }),
  };
}

function sparkline(config) {
  const values = config.values.length > 1 ? config.values : [0, 0];
  const one = { label: "", values, color: config.color };
  const low = Math.min(...values);
  const high = Math.max(...values);
  return {
    type: "line",
    data: { labels: values.map(() => ""), datasets: [{ ...curve(one, true), borderWidth: 1.5, pointHoverRadius: 0 }] },
    options: options({
      layout: { padding: { top: 4 } },
      plugins: { legend: { display: false }, tooltip: { enabled: false } },
      scales: { x: { display: false }, y: { display: false, min: low - (high - low || 1) * 0.25, max: high + (high - low || 1) * 0.1 } },
    }),
  };
}

function timeline(config) {
  return {
    type: "bar",
    data: {
      labels: config.labels,
      datasets: [
        { ...curve(config.line, false), type: "line", yAxisID: "rate", pointRadius: 3, unit: "percent", spanGaps: true },
        {
          label: config.bars.label,
          data: config.bars.values,
          backgroundColor: colour(config.bars.color ?? "primary", 0.75),
          borderRadius: 4,
          maxBarThickness: 36,
        },
      ],
    },
    options: options({
      plugins: {
        legend: legend(true),
        tooltip: {
          callbacks: {
            label: ({ dataset, parsed }) =>
              `${dataset.label}: ${dataset.unit ? percent(parsed.y) : number(parsed.y)}`,
          },
        },
      },
      scales: {
        x: category(),
        y: axis(),
        rate: axis({
          position: "right",
          suggestedMax: 50,
          grid: { display: false },
          ticks: { color: colour("secondary"), padding: 8, callback: (value) => `${value}%` },
        }),
      },
    }),
  };
}

const KINDS = { doughnut, bars, lines, sparkline, timeline };

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

/** Give the chart in `box` new figures, without an animation that would never come to rest. */
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
