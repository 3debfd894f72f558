// Draws how the change of cost and its interval came about, with the Chart.js of the admin's theme.
const { points } = JSON.parse(document.getElementById("path-data").textContent);
const canvas = document.getElementById("path");
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const HOUR = 3_600_000;
const STEPS = [1 / 60, 1 / 12, 0.25, 0.5, 1, 3, 6, 12, 24, 48, 96, 168, 336, 672].map((hours) => hours * HOUR);
let chart = null;

const percent = (value) => `${value < 0 ? "\u2212" : value > 0 ? "+" : ""}${Math.abs(value).toFixed(1)}%`;

function time(at, isDay) {
  const options = isDay ? { day: "numeric", month: "short" } : { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  return new Date(at).toLocaleString("en-GB", { timeZone: "UTC", ...options });
}

function dataset(key, options) {
  return {
    data: points.filter((point) => point[key] !== null).map((point) => ({ x: point.at, y: point[key] })),
    pointRadius: 0, pointHoverRadius: 0, borderWidth: 0, ...options,
  };
}

// Whole tens around everything that is drawn, zero included. What lies far out, as the first intervals do, must not
// flatten all that follows.
function range() {
  const known = (point) => [point.low, point.high, point.change].filter((value) => value !== null);
  const most = Math.max(20, 4 * Math.max(...known(points.at(-1)).map(Math.abs)));
  const values = points.flatMap(known).map((value) => Math.max(-most, Math.min(most, value)));
  return { min: 10 * Math.floor(Math.min(-2, ...values) / 10), max: 10 * Math.ceil(Math.max(2, ...values) / 10) };
}

function ticks(scale) {
  const step = STEPS.find((length) => (scale.max - scale.min) / length <= Math.max(2, scale.width / 110)) ?? STEPS.at(-1);
  scale.ticks = [];
  for (let at = Math.ceil(scale.min / step) * step; at <= scale.max; at += step) scale.ticks.push({ value: at });
  scale.isDaily = step >= 24 * HOUR;
}

function tooltip() {
  return {
    displayColors: false, backgroundColor: color("--exp-text"), titleColor: color("--exp-card"), bodyColor: color("--exp-card"), padding: 10,
    filter: (item) => item.datasetIndex === 2,
    callbacks: {
      title: ([item]) => (item ? `${time(item.raw.x, false)} UTC` : ""),
      label: (item) => {
        const point = points.find((one) => one.at === item.raw.x);
        const interval = point.low === null || point.high === null ? "no interval yet" : `${percent(point.low)} to ${percent(point.high)}`;
        return [`Cost ${percent(point.change)} (${interval})`, `${point.requests.toLocaleString("en-US")} requests`];
      },
    },
  };
}

function draw() {
  const [accent, line, muted] = ["--exp-accent", "--exp-line", "--exp-muted"].map(color);
  chart?.destroy();
  chart = new Chart(canvas, {
    type: "line",
    data: {
      datasets: [
        dataset("low", { label: "low" }),
        dataset("high", { label: "high", fill: { target: 0 }, backgroundColor: `color-mix(in srgb, ${accent} 22%, transparent)` }),
        dataset("change", { label: "change", borderColor: accent, backgroundColor: accent, borderWidth: 2, pointRadius: points.length < 25 ? 3 : 0, pointHoverRadius: 5 }),
      ],
    },
    options: {
      animation: false, responsive: true, maintainAspectRatio: false, interaction: { mode: "nearest", axis: "x", intersect: false },
      plugins: { legend: { display: false }, tooltip: tooltip() },
      scales: {
        x: {
          type: "linear", min: points[0].at, max: points.length > 1 ? points.at(-1).at : points[0].at + HOUR,
          grid: { display: false }, border: { color: line }, afterBuildTicks: ticks,
          ticks: { color: muted, maxRotation: 0, callback(value) { return time(value, this.isDaily); } },
        },
        y: {
          ...range(), border: { display: false },
          grid: { color: (context) => (context.tick?.value === 0 ? muted : line), lineWidth: (context) => (context.tick?.value === 0 ? 1.5 : 1) },
          ticks: { color: muted, maxTicksLimit: 7, callback: (value) => (value === 0 ? "no change" : percent(value).replace(".0", "")) },
        },
      },
    },
  });
}

draw();
// The theme sets a class on the page when light or dark is chosen, and on load.
new MutationObserver(draw).observe(document.documentElement, { attributes: true, attributeFilter: ["class"] });
