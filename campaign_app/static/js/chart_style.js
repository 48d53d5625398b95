/* How every chart looks: Tabler's colours, quiet axes, one tooltip. */

/* Tabler writes its colours as oklch() and light-dark(), which Chart.js cannot read: the browser
   resolves the variable on a probe, and a canvas turns the answer into plain rgba. */
const probe = document.createElement("span");
probe.hidden = true;
document.body.append(probe);
const pixel = document.createElement("canvas").getContext("2d", { willReadFrequently: true });

export function colour(name, alpha = 1) {
  probe.style.color = "";
  probe.style.color = `var(--tblr-${name})`;
  pixel.clearRect(0, 0, 1, 1);
  pixel.fillStyle = getComputedStyle(probe).color;
  pixel.fillRect(0, 0, 1, 1);
  const [red, green, blue, opacity] = pixel.getImageData(0, 0, 1, 1).data;
  return `rgba(${red}, ${green}, ${blue}, ${((opacity / 255) * alpha).toFixed(3)})`;
}

export function axis(more = {}) {
  return {
    beginAtZero: true,
    border: { display: false },
    grid: { color: colour("border-color"), drawTicks: false },
    ticks: { color: colour("secondary"), padding: 8, maxRotation: 0, autoSkipPadding: 16, precision: 0 },
    ...more,
  };
}

export function category(more = {}) {
  return axis({ grid: { display: false }, ...more });
}

export function legend(visible) {
  return {
    display: visible,
    align: "end",
    labels: { color: colour("secondary"), usePointStyle: true, pointStyle: "circle", boxHeight: 7, boxWidth: 8 },
  };
}

export function options(more) {
  const { plugins, ...rest } = more;
  return {
    responsive: true,
    maintainAspectRatio: false,
    animation: false, // a page that is redrawn every two seconds would never come to rest
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
