// Each function fills one card from the document of the page.
import { ago, count, element, milliseconds, perRequest, share, stamp, usd } from "./format.js";

const FEW_RATINGS = 10;
const byId = (id) => document.getElementById(id);

export function setText(id, text) {
  const target = byId(id);
  if (target.textContent !== text) target.textContent = text;
}

function fill(id, children, nothing) {
  byId(id).replaceChildren(...(children.length ? children : [element("li", { className: "nothing", text: nothing })]));
}

// The change against the period before; for costs less is better.
function change(now, before, { lessIsBetter = false } = {}) {
  if (!before) return "";
  const part = now / before - 1;
  if (!Number.isFinite(part) || Math.abs(part) < 0.005) return "as before";
  const isGood = part < 0 === lessIsBetter;
  const amount = Math.abs(part) >= 9.995 ? "10× and more" : `${Math.round(Math.abs(part) * 100)} %`;
  return element("span", { className: isGood ? "up" : "down", text: `${part > 0 ? "▲" : "▼"} ${amount}` });
}

function setDetail(id, ...parts) {
  byId(id).replaceChildren(...parts.filter((part) => part !== ""));
}

function baselineNote(baselines) {
  if (!baselines.length) return "Savings are measured against the baseline model of each team.";
  const named = `${baselines.slice(0, 2).join(" and ")}${baselines.length > 2 ? " and others" : ""}`;
  return `Savings are measured against ${named}, at the tokens used.`;
}

function perRequestDetail(totals, before) {
  if (!totals.requests) return [];
  const each = totals.cost_usd / totals.requests;
  const changed = change(each, before.requests ? before.cost_usd / before.requests : 0, { lessIsBetter: true });
  return [`${usd(each)} a request`, ...(changed ? [", ", changed] : [])];
}

// Stand-ins cost nothing real: what they would have cost is told apart from what was spent and saved.
function savedDetail({ savings_rate: rate, simulated_requests: standIns, simulated_savings_usd: notional }) {
  if (rate !== null) return `${share(rate, 1)} less than the baseline would have cost`;
  return standIns ? `Only stand-ins have answered: ${usd(notional)} in notional savings` : "Nothing to compare with yet";
}

function outsideDetail({ simulated_requests: standIns, unpriced_requests: unpriced }) {
  const parts = [];
  if (standIns) parts.push(`${count(standIns)} requests served by stand-ins are in no sum of money`);
  if (unpriced) parts.push(`the cost of ${count(unpriced)} requests is unknown`);
  return parts.length ? ` ${parts.join("; ")}.`.replace(/^ ./, (start) => start.toUpperCase()) : "";
}

export function figures({ totals, before, latency_ms: latency, baseline_models: baselines }) {
  setText("saved", usd(totals.savings_usd));
  const rate = totals.savings_rate;
  setText("saved-detail", savedDetail(totals));
  const spentShare = totals.baseline_cost_usd > 0 ? Math.min(1, Math.max(0, 1 - rate)) : 1;
  byId("split").firstElementChild.style.width = `${spentShare * 100}%`;
  byId("split").hidden = rate === null;
  setText("split-detail", rate === null ? " " : `${usd(totals.baseline_cost_usd)} at ${baselines[0] ?? "the baseline"}${baselines.length > 1 ? ` and ${baselines.length - 1} more` : ""}`);
  setText("baseline-note", `${baselineNote(baselines)}${outsideDetail(totals)}`);
  setText("spend", usd(totals.cost_usd));
  setDetail("spend-detail", ...perRequestDetail(totals, before));
  setText("requests", count(totals.requests));
  setDetail("requests-detail", totals.success_rate === null ? "" : `${share(totals.success_rate, totals.success_rate > 0.99 && totals.success_rate < 1 ? 2 : 0)} answered`, totals.fallbacks ? `, ${count(totals.fallbacks)} by failover` : "");
  setText("latency", milliseconds(latency.p50));
  setDetail("latency-detail", latency.p95 === null ? "" : `p95 ${milliseconds(latency.p95)}, p99 ${milliseconds(latency.p99)}`);
}

function bar(name, figure, part, title) {
  const track = element("div", { className: "track" }, element("span"));
  track.firstElementChild.style.width = `${Math.max(1, part * 100)}%`;
  return element("li", { title },
    element("div", { className: "row" }, element("span", { className: "name", text: name }), element("span", { className: "figure-end", text: figure })),
    track);
}

export function bars(id, parts, nameOf) {
  const all = parts.reduce((sum, part) => sum + part.requests, 0);
  fill(id, parts.slice(0, 7).map((part) => bar(nameOf(part), `${share(part.requests / all)} · ${usd(part.cost_usd)}`, part.requests / all, `${count(part.requests)} requests, ${usd(part.cost_usd)} spent, ${usd(part.savings_usd)} saved`)), "Nothing in this period");
}

function table(id, heads, rows, nothing) {
  if (!rows.length) {
    byId(id).replaceChildren(element("tbody", {}, element("tr", {}, element("td", { className: "nothing", text: nothing }))));
    return;
  }
  const head = element("tr", {}, ...heads.map(([text, className]) => element("th", { text, className, scope: "col" })));
  byId(id).replaceChildren(element("thead", {}, head), element("tbody", {}, ...rows));
}

export function quality(rated, models) {
  const cost = new Map(models.map((model) => [`${model.provider}/${model.model}`, model]));
  table("quality", [["Model"], ["Stars"], ["Correct", "end"], ["Ratings", "end"], ["A request", "end"]], rated.map((one) => {
    const traffic = cost.get(`${one.provider}/${one.model}`);
    const track = element("span", { className: `track ${one.avg_score >= 4 ? "good" : one.avg_score >= 3.5 ? "" : "bad"}`, "aria-hidden": "true" }, element("span"));
    track.firstElementChild.style.width = `${((one.avg_score - 1) / 4) * 100}%`;
    return element("tr", {},
      element("td", {}, element("strong", { text: one.model }), " ", element("span", { className: "muted small", text: one.provider })),
      element("td", { className: "stars", text: one.avg_score.toFixed(2) }, track),
      element("td", { className: "end", text: share(one.correctness_rate) }),
      element("td", { className: "end" }, one.ratings < FEW_RATINGS ? element("span", { className: "tag warn", text: "few", title: "Too few ratings to rely on" }) : "", ` ${count(one.ratings)}`),
      element("td", { className: "end", text: perRequest(traffic ? traffic.cost_usd / traffic.requests : null) }));
  }), "No ratings in this period. Send them to POST /feedback with the request's id.");
}

export function budgets(all) {
  fill("budgets", all.slice(0, 6).map((budget) => {
    const part = budget.limit_usd > 0 ? budget.spent_usd / budget.limit_usd : 1;
    const track = element("div", { className: `track ${part >= 1 ? "bad" : part >= 0.8 ? "warn" : "good"}`, role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": Math.round(Math.min(1, part) * 100), "aria-label": `Budget of ${budget.team} for the ${budget.period}` }, element("span"));
    track.firstElementChild.style.width = `${Math.min(100, part * 100)}%`;
    return element("li", {},
      element("div", { className: "row" }, element("span", { text: budget.key ? `${budget.team}, key ${budget.key}…` : budget.team }), element("span", { className: "number muted", text: share(part) })),
      track,
      element("p", { className: "muted small", text: `${usd(budget.spent_usd)} of ${usd(budget.limit_usd)} this ${budget.period}${budget.is_hard ? "" : ", soft"}` }));
  }), "No budget is set. Staff set them in the admin.");
}

export function routing(policy, experiments) {
  const facts = element("dl", { className: "facts" });
  const add = (term, ...described) => facts.append(element("div", {}, element("dt", { text: term }), element("dd", {}, ...described)));
  if (policy && policy.version) {
    add("Policy", element("a", { href: `/admin/routing/policyversion/${policy.version}/change/`, text: `version ${policy.version}` }), element("span", { className: "muted", text: ` since ${stamp(policy.at)}` }));
    add("Why", `${policy.reason || policy.kind} `, element("span", { className: "muted", text: `(${policy.actor})` }));
  } else {
    add("Policy", "none yet: complexity decides", element("span", { className: "muted", text: policy ? `, since ${stamp(policy.at)}` : "" }));
    add("Next", "Ratings teach routing. Once there are enough, a retraining publishes the first policy.");
  }
  const running = experiments.map((experiment) => {
    const track = element("div", { className: "track" }, element("span"));
    track.firstElementChild.style.width = `${(experiment.progress ?? 0) * 100}%`;
    return element("div", { className: "experiment" },
      element("a", { href: `/admin/experiments/experiment/${experiment.id}/change/`, text: experiment.name }),
      element("span", { className: "muted small", text: `${experiment.control} against ${experiment.test}, ${ago(experiment.started_at)}` }),
      track,
      element("span", { className: "muted small", text: experiment.explanation || "Collecting its first results." }));
  });
  if (!running.length) running.push(element("p", { className: "experiment muted", text: "No experiment is running." }));
  byId("policy").replaceChildren(facts, ...running);
}

export function notices(all) {
  const open = all.filter((notice) => notice.severity === "warning" || notice.severity === "critical").length;
  byId("notices-count").hidden = open === 0;
  setText("notices-count", String(open));
  fill("notices", all.map((notice) => element("li", { className: notice.severity },
    element("span", { className: "mark", "aria-hidden": "true" }),
    element("span", { className: "title" }, element("span", { className: "hidden", text: `${notice.severity}: ` }), notice.title),
    notice.at ? element("time", { datetime: notice.at, title: stamp(notice.at), text: ago(notice.at) }) : element("span", { className: "tag warn", text: "now" }),
    element("span", { className: "text", text: notice.text }))), "All quiet: no failover, no budget near its limit, no open alert.");
}

export function moneyTable(series) {
  table("money-table", [["Beginning"], ["Requests", "end"], ["Spend", "end"], ["Saved", "end"]], series.map((point) => element("tr", {},
    element("td", { text: stamp(point.at) }),
    element("td", { className: "end", text: count(point.requests) }),
    element("td", { className: "end", text: usd(point.cost_usd) }),
    element("td", { className: "end", text: usd(point.savings_usd) }))), "Nothing in this period");
}
