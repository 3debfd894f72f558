// Chart.js (loaded as a script of its own) in the colors of the page.
import { axisTime, milliseconds, usd } from "./format.js";

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const isCalm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
const charts = new Map();
Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;

function draw(id, config) {
  const held = charts.get(id);
  if (held) {
    held.data = config.data;
    held.options = config.options;
    held.update("none");
    return;
  }
  charts.set(id, new Chart(document.getElementById(id), config));
}

function setEmpty(id, isEmpty, why) {
  const box = document.getElementById(id).parentElement;
  box.classList.toggle("is-empty", isEmpty);
  box.dataset.empty = why;
}

function options({ format, stacked = false }) {
  const muted = color("--muted");
  return {
    animation: isCalm() ? false : { duration: 400 },
    responsive: true,
    maintainAspectRatio: false,
    interaction: { mode: "index", intersect: false },
    plugins: {
      legend: { display: false },
      tooltip: {
        backgroundColor: color("--text"), titleColor: color("--card"), bodyColor: color("--card"), padding: 10,
        cornerRadius: 8, boxPadding: 4, usePointStyle: true,
        callbacks: { label: (item) => ` ${item.dataset.label}: ${format(item.raw)}` },
      },
    },
    scales: {
      x: { stacked, grid: { display: false }, border: { color: color("--line") }, ticks: { color: muted, maxRotation: 0, autoSkipPadding: 18 } },
      y: { stacked, beginAtZero: true, border: { display: false }, grid: { color: color("--line") }, ticks: { color: muted, maxTicksLimit: 6, callback: (value) => format(value) } },
    },
  };
}

export function money(series, stepSeconds) {
  const labels = series.map((point) => axisTime(point.at, stepSeconds));
  const bar = (label, values, name) => ({
    label, data: values, backgroundColor: color(name), borderRadius: 3, maxBarThickness: 34, categoryPercentage: 0.8, barPercentage: 0.95,
  });
  setEmpty("money-chart", series.every((point) => !point.cost_usd && !point.savings_usd),
    series.some((point) => point.requests) ? "No real provider was asked: stand-ins cost nothing" : "No requests in this period");
  draw("money-chart", {
    type: "bar",
    data: {
      labels,
      datasets: [
        bar("Spend", series.map((point) => point.cost_usd), "--spend"),
        bar("Saved", series.map((point) => point.savings_usd), "--saved-fill"),
      ],
    },
    options: options({ format: usd, stacked: true }),
  });
}

export function latency(series, stepSeconds) {
  const isLonely = series.filter((point) => point.p50 !== null).length === 1;
  const line = (name) => ({
    label: name, data: series.map((point) => point[name]), borderColor: color(`--${name}`), backgroundColor: color(`--${name}`),
    borderWidth: 2, pointRadius: isLonely ? 3 : 0, pointHoverRadius: 4, tension: 0.3, spanGaps: true,
  });
  setEmpty("latency-chart", series.every((point) => point.p50 === null), "No answers in this period");
  draw("latency-chart", {
    type: "line",
    data: { labels: series.map((point) => axisTime(point.at, stepSeconds)), datasets: ["p50", "p95", "p99"].map(line) },
    options: options({ format: milliseconds }),
  });
}

export function spark(values) {
  draw("rate-chart", {
    type: "line",
    data: {
      labels: values.map((_, index) => index),
      datasets: [{ data: values, borderColor: color("--accent"), backgroundColor: color("--accent-soft"), fill: true, borderWidth: 2, pointRadius: 0, tension: 0.35 }],
    },
    options: {
      animation: false, responsive: true, maintainAspectRatio: false, events: [],
      plugins: { legend: { display: false }, tooltip: { enabled: false } },
      scales: { x: { display: false }, y: { display: false, beginAtZero: true, suggestedMax: 1 } },
    },
  });
}

