// The table of the latest requests: rows come in at the top, and change when a request is settled.
import { clock, element, milliseconds, perRequest, stamp } from "./format.js";

const ROWS = 12;
const STATES = { pending: ["in flight", "info"], failed: ["failed", "bad"], partial: ["broken off", "warn"], orphaned: ["closed late", "warn"] };

function tags(request) {
  const found = [element("span", { className: "tag", text: request.pattern })];
  const add = (text, kind, title) => found.push(element("span", { className: `tag ${kind}`, text, title }));
  if (STATES[request.state]) add(...STATES[request.state], request.error_code ?? undefined);
  if (request.is_cache_hit) add("from cache", "good");
  if (request.is_fallback) add("failover", "warn", `${request.attempts} attempts`);
  if (request.experiment_id) add(`experiment ${request.experiment_id}`, "accent");
  if (request.is_simulated) add("stand-in", "", "Served by a simulated or embedded model: outside every savings claim");
  return element("span", { className: "tags" }, ...found);
}

function row(request, showTeam) {
  const model = request.model ? element("span", {}, request.model, element("span", { className: "muted small", text: ` ${request.provider}` })) : element("span", { className: "muted", text: "no answer yet" });
  const saved = request.savings_usd;
  return element("tr", { "data-id": request.request_id },
    element("td", { className: "when" }, element("a", { href: `/admin/routing/ledgerentry/${request.request_id}/change/` }, element("time", { datetime: request.created_at, title: stamp(request.created_at), text: clock(request.created_at) }))),
    showTeam ? element("td", { className: "team", text: request.team }) : null,
    element("td", { className: "model" }, model),
    element("td", { className: "why" }, element("div", { className: "because" }, tags(request), element("span", { className: "small", text: request.reasoning }))),
    element("td", { className: `end cost ${request.is_simulated ? "muted" : ""}`, text: request.state === "pending" ? "…" : perRequest(request.cost_usd) }),
    element("td", { className: `end saved ${request.is_simulated ? "muted" : saved > 0 ? "up" : ""}`, text: perRequest(saved) }),
    element("td", { className: "end took", text: milliseconds(request.latency_ms) }));
}

export class Feed {
  constructor(table, { showTeam }) {
    this.table = table;
    this.showTeam = showTeam;
    this.known = null;
  }

  show(requests) {
    if (!requests.length) {
      this.table.replaceChildren(element("tbody", {}, element("tr", {}, element("td", { className: "nothing", text: "No request in the last 30 days." }))));
      return;
    }
    const heads = [["Time"], ...(this.showTeam ? [["Team"]] : []), ["Model"], ["Why"], ["Cost", "end"], ["Saved", "end"], ["Time taken", "end"]];
    const rows = requests.slice(0, ROWS).map((request) => {
      const made = row(request, this.showTeam);
      if (this.known && !this.known.has(request.request_id)) made.classList.add("is-new");
      return made;
    });
    this.known = new Set(requests.map((request) => request.request_id));
    // Whoever stands on a link with the keyboard stays there.
    const focused = this.table.contains(document.activeElement) ? document.activeElement.closest("tr")?.dataset.id : null;
    this.table.replaceChildren(
      element("thead", {}, element("tr", {}, ...heads.map(([text, className]) => element("th", { text, className, scope: "col" })))),
      element("tbody", {}, ...rows));
    if (focused) this.table.querySelector(`tr[data-id="${focused}"] a`)?.focus();
  }
}
