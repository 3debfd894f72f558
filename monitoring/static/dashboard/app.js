// The dashboard: reads its document over HTTP, and the present over the WebSocket.
import * as charts from "./charts.js";
import { Feed } from "./feed.js";
import { ago, count, milliseconds, share, usd } from "./format.js";
import { Live } from "./live.js";
import * as panels from "./panels.js";

const REFRESH_MS = 30000;
const RETRY_MS = 5000;
const STALE_PERIODS = 3;
const SPARK_POINTS = 60;

const byId = (id) => document.getElementById(id);
const filters = new URLSearchParams(location.search);
const periodMs = Number(byId("figures").dataset.period) * 1000;
const team = filters.get("team") || "";

const state = { document: null, snapshot: null, connection: "connecting", isPaused: false, rates: [], isDegraded: false };
const feed = new Feed(byId("feed"), { showTeam: !team });

function showDocument(document_) {
  state.document = document_;
  byId("empty").hidden = !document_.is_empty;
  byId("figures").hidden = document_.is_empty;
  byId("figures").classList.remove("is-loading");
  if (document_.is_empty) return;
  panels.figures(document_);
  panels.bars("models", document_.models, (part) => (part.model ? part.model : "no model answered"));
  panels.bars("patterns", document_.patterns, (part) => part.pattern ?? "none");
  panels.quality(document_.quality, document_.models);
  panels.budgets(document_.budgets);
  panels.routing(document_.policy, document_.experiments);
  panels.moneyTable(document_.series);
  drawCharts();
}

function drawCharts() {
  if (!state.document || state.document.is_empty || typeof Chart === "undefined") return;
  charts.money(state.document.series, state.document.step_seconds);
  charts.latency(state.document.latency_series, state.document.step_seconds);
  charts.spark(state.rates);
}

function showSnapshot(snapshot) {
  const before = state.snapshot;
  state.snapshot = snapshot;
  panels.setText("spend-today", usd(snapshot.cost_usd));
  panels.setText("requests-today", count(snapshot.total_decisions));
  const { requests_per_second: rate, success_rate: success, cache_hit_rate: cached } = snapshot.rates;
  panels.setText("rate", rate >= 100 ? count(rate) : rate.toFixed(rate >= 10 ? 1 : 2));
  panels.setText("rate-detail", rate === 0 ? quietSince(snapshot.decisions[0]) : `${share(success)} answered, ${share(cached)} from cache`);
  const latency = snapshot.latency_ms;
  panels.setText("latency-now", latency.p50 === null ? " " : `Last 5 min: ${milliseconds(latency.p50)}, p95 ${milliseconds(latency.p95)}`);
  panels.notices(snapshot.events);
  if (!state.isPaused) feed.show(snapshot.decisions);
  state.rates = [...state.rates, rate].slice(-SPARK_POINTS);
  if (state.document && !state.document.is_empty && typeof Chart !== "undefined") charts.spark(state.rates);
  const isNew = before && snapshot.total_decisions !== before.total_decisions;
  if (state.document?.is_empty && snapshot.total_decisions > 0) load();
  else if (isNew) addToTotals(before, snapshot);
}

const quietSince = (last) => (last ? `Last request ${ago(last.created_at)}` : "No request for a month");

// Between two readings of the document, its sums go on by what has come today.
function addToTotals(before, snapshot) {
  const { totals } = state.document ?? {};
  if (!totals || snapshot.total_decisions < before.total_decisions) return;
  totals.requests += snapshot.total_decisions - before.total_decisions;
  for (const name of ["cost_usd", "savings_usd", "baseline_cost_usd"]) totals[name] += snapshot[name] - before[name];
  if (totals.baseline_cost_usd > 0) totals.savings_rate = totals.savings_usd / totals.baseline_cost_usd;
  panels.figures(state.document);
}

async function load() {
  try {
    const answer = await fetch(`/dashboard/data${location.search}`, { headers: { Accept: "application/json" } });
    // A session that has ended leads to the page for logging in.
    if (answer.redirected || answer.status === 403) return location.reload();
    if (!answer.ok) throw new Error(String(answer.status));
    const read = await answer.json();
    setBanner("");
    showDocument(read);
    if (!state.snapshot) showSnapshot(read.live);
  } catch {
    setBanner("The figures could not be read just now. This page tries again by itself.");
    clearTimeout(state.retry);
    state.retry = setTimeout(load, RETRY_MS);
  }
}

function setBanner(text) {
  const banner = byId("banner");
  if (banner.textContent !== text) banner.textContent = text;
  banner.hidden = text === "";
}

function showConnection() {
  const age = state.snapshot ? Date.now() - new Date(state.heardAt ?? state.snapshot.timestamp).getTime() : 0;
  const pill = byId("live");
  let [name, text] = ["connecting", "Connecting"];
  if (state.connection === "away") [name, text] = ["away", state.snapshot ? `Reconnecting, ${Math.round(age / 1000)} s old` : "Reconnecting"];
  else if (state.connection === "live") {
    if (age > STALE_PERIODS * periodMs) [name, text] = ["stale", `Stale, ${Math.round(age / 1000)} s old`];
    else [name, text] = ["live", state.isDegraded ? "Live, without Redis" : "Live"];
  }
  if (pill.dataset.state !== name) pill.dataset.state = name;
  pill.title = state.snapshot ? `Last update ${new Date(state.snapshot.timestamp).toLocaleTimeString()}` : "";
  panels.setText("live-text", text);
}

new Live({
  team,
  onState: (name) => {
    state.connection = name;
    showConnection();
  },
  onMessage: (message) => {
    if (message.type === "snapshot") {
      state.heardAt = Date.now();
      showSnapshot(message);
    } else if (message.type === "status") state.isDegraded = message.degraded;
    showConnection();
  },
});

byId("filters").addEventListener("change", () => byId("filters").submit());
byId("pause").addEventListener("click", ({ currentTarget }) => {
  state.isPaused = !state.isPaused;
  currentTarget.setAttribute("aria-pressed", String(state.isPaused));
  currentTarget.textContent = state.isPaused ? "Paused" : "Pause";
  if (!state.isPaused && state.snapshot) feed.show(state.snapshot.decisions);
});
for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(byId(button.dataset.copy).textContent);
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 1500);
  });
}
document.addEventListener("themechange", drawCharts);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawCharts);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) load();
});
setInterval(showConnection, 1000);
setInterval(() => {
  if (!document.hidden) load();
}, REFRESH_MS);
load();
