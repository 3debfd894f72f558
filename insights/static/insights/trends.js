// Draws a team's figures by week, with the Chart.js of the admin's theme.
const { charts } = JSON.parse(document.getElementById("trend-data").textContent);
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const FORMATS = {
  usd: (value) => `$${value.toLocaleString("en-US", { maximumSignificantDigits: 3 })}`,
  share: (value) => `${(100 * value).toFixed(0)}%`,
  plain: (value) => value.toLocaleString("en-US", { maximumFractionDigits: 2 }),
};
const drawn = [];

function draw({ id, unit, points }) {
  const [accent, line, muted] = ["--exp-accent", "--exp-line", "--exp-muted"].map(color);
  const format = FORMATS[unit];
  drawn.push(new Chart(document.getElementById(id), {
    type: "line",
    data: {
      labels: points.map((point) => point.week),
      datasets: [{
        data: points.map((point) => point.value), borderColor: accent, backgroundColor: accent, borderWidth: 2, pointRadius: 2,
        pointHoverRadius: 4, tension: 0,
        // The week that is not over is not to be read as a fall.
        segment: { borderDash: ({ p1DataIndex }) => (p1DataIndex === points.length - 1 ? [4, 4] : undefined) },
      }],
    },
    options: {
      animation: false, responsive: true, maintainAspectRatio: false, interaction: { mode: "nearest", axis: "x", intersect: false },
      plugins: { legend: { display: false }, tooltip: { displayColors: false, callbacks: { label: ({ raw }) => format(raw) } } },
      scales: {
        x: { grid: { display: false }, border: { color: line }, ticks: { color: muted, maxTicksLimit: 6, maxRotation: 0, callback(place) { return this.getLabelForValue(place).slice(5); } } },
        y: { beginAtZero: true, border: { display: false }, grid: { color: line }, ticks: { color: muted, maxTicksLimit: 4, callback: format } },
      },
    },
  }));
}

function drawAll() {
  drawn.splice(0).forEach((chart) => chart.destroy());
  charts.forEach(draw);
}

drawAll();
// The theme's switch changes a class of the page, and with it every color.
new MutationObserver(drawAll).observe(document.documentElement, { attributes: true, attributeFilter: ["class"] });
