/* One function per kind of chart: from our config (see charts.js) to Chart.js's. */

import { axis, category, colour, legend, options } from "./chart_style.js";
import { number, percent } from "./format.js";

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
    context.font = `600 22px ${chart.options.font.family}`;
    const middle = (top + bottom) / 2;
    context.fillText(settings.text, (left + right) / 2, settings.caption ? middle - 8 : middle);
    if (settings.caption) {
      context.fillStyle = settings.captionColor;
      context.font = `12px ${chart.options.font.family}`;
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
  const span = high - low; // a flat line lies at the foot
  return {
    type: "line",
    data: { labels: values.map(() => ""), datasets: [{ ...curve(one, true), borderWidth: 1.5, pointHoverRadius: 0 }] },
    options: options({
      layout: { padding: { top: 4 } },
      plugins: { legend: { display: false }, tooltip: { enabled: false } },
      scales: { x: { display: false }, y: { display: false, min: low - (span * 0.25 || 0.1), max: high + (span * 0.1 || 1) } },
    }),
  };
}

function timeline(config) {
  return {
    type: "bar",
    data: {
      labels: config.labels,
      datasets: [
        { ...curve(config.line, false), type: "line", yAxisID: "rate", tension: 0, cubicInterpolationMode: "default", pointRadius: 3, unit: "percent", spanGaps: true },
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

export const KINDS = { doughnut, bars, lines, sparkline, timeline };
