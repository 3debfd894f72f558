"""The dashboard's figures as the one JSON document that its page reads, made at most every 30 seconds for a scope."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from accounts.models import Team
from accounts.selectors import BudgetStatus
from accounts.services import config_version, replica
from experiments.models import Experiment
from monitoring.selectors import dashboard
from monitoring.selectors.dashboard import Dashboard, Period
from monitoring.services.live import messages
from monitoring.services.live.scopes import scope_of
from routing.domain.pricing import from_nano_usd
from routing.domain.traffic import Dimension, Labels, Traffic
from routing.models import PolicyActivation
from routing.services import metrics_cache

MAX_PARTS = 12


def document(team: Team | None, period: Period, *, now: datetime) -> str:
    """Return the document of a team, or of all teams for None, from the cache while it is fresh."""
    team_id = None if team is None else team.id
    if not dashboard.has_requests(team_id):
        # Not kept, so that the page that waits for a first request shows it at once.
        return _document(team, period, now=now)
    # What staff change, such as a budget, shows at once.
    version = config_version.current()

    def has_arrived() -> bool:
        return config_version.current() >= version

    def compute() -> str:
        return replica.read(lambda: _document(team, period, now=now), has_arrived=has_arrived)

    return metrics_cache.get(f"metrics:dashboard:{version}:{scope_of(team_id)}:{period.name}", compute)


def _document(team: Team | None, period: Period, *, now: datetime) -> str:
    return messages.dump(_figures(dashboard.dashboard(team, period, now=now)))


def _figures(page: Dashboard) -> dict[str, Any]:
    return {
        "timestamp": page.live.taken_at,
        "team": page.team.slug if page.team else None,
        "period": page.period.name,
        "step_seconds": int(page.period.step.total_seconds()),
        "is_empty": page.is_empty,
        "totals": _traffic(page.totals),
        "before": _traffic(page.before),
        "latency_ms": messages.percentiles(page.latency),
        "baseline_models": [labels[0] for labels in page.parts[Dimension.BASELINE_MODEL] if labels[0]],
        "series": [{"at": point.starts_at, **_money(point.traffic)} for point in page.series],
        "latency_series": [
            {"at": point.starts_at, **messages.percentiles(point.latency)} for point in page.latency_series
        ],
        "models": _models(page),
        "patterns": _parts(page.parts[Dimension.PATTERN], "pattern"),
        "strategies": _parts(page.parts[Dimension.STRATEGY], "strategy"),
        "quality": _quality(page),
        "budgets": [_budget(budget) for budget in page.budgets],
        "policy": None if page.policy is None else _policy(page.policy),
        "experiments": [_experiment(experiment) for experiment in page.experiments],
        "live": json.loads(messages.snapshot(page.live)),
    }


def _money(traffic: Traffic) -> dict[str, Any]:
    return {
        "requests": traffic.requests,
        "failed": traffic.failed,
        "cost_usd": traffic.cost_usd,
        "baseline_cost_usd": traffic.baseline_cost_usd,
        "savings_usd": traffic.savings_usd,
    }


def _traffic(traffic: Traffic) -> dict[str, Any]:
    return {
        **_money(traffic),
        "savings_rate": traffic.savings_rate,
        "success_rate": traffic.success_rate,
        "fallbacks": traffic.fallbacks,
        "cache_hits": traffic.cache_hits,
        "simulated_requests": traffic.simulated_requests,
        "simulated_savings_usd": traffic.simulated_savings_usd,
        "unpriced_requests": traffic.unpriced_requests,
        "estimated_requests": traffic.estimated_requests,
        "input_tokens": traffic.input_tokens,
        "output_tokens": traffic.output_tokens,
    }


def _models(page: Dashboard) -> list[dict[str, Any]]:
    shown = list(page.parts[Dimension.MODEL].items())[:MAX_PARTS]
    return [
        {
            "provider": labels[0],
            "model": labels[1],
            **_traffic(traffic),
            "latency_ms": messages.percentiles(page.latency_by_model.get(labels)),
        }
        for labels, traffic in shown
    ]


def _parts(parts: Mapping[Labels, Traffic], name: str) -> list[dict[str, Any]]:
    return [{name: labels[0], **_traffic(traffic)} for labels, traffic in list(parts.items())[:MAX_PARTS]]


def _quality(page: Dashboard) -> list[dict[str, Any]]:
    return [
        {
            "provider": rated.provider,
            "model": rated.selected_model,
            "ratings": rated.tally.count,
            "avg_score": rated.tally.avg_score,
            "correctness_rate": rated.tally.correctness_rate,
        }
        for rated in page.quality.models[:MAX_PARTS]
    ]


def _budget(budget: BudgetStatus) -> dict[str, Any]:
    used = budget.spent_nano_usd + budget.overrun_nano_usd
    return {
        "team": budget.team_slug,
        "key": budget.api_key_prefix,
        "period": budget.period,
        "is_hard": budget.is_hard,
        "limit_usd": from_nano_usd(budget.limit_nano_usd),
        "spent_usd": from_nano_usd(used),
        "reserved_usd": from_nano_usd(budget.reserved_nano_usd),
    }


def _policy(activation: PolicyActivation) -> dict[str, Any]:
    return {
        "version": activation.policy_id,
        "kind": activation.get_kind_display(),
        "actor": activation.actor,
        "reason": activation.reason,
        "at": activation.activated_at,
    }


def _experiment(experiment: Experiment) -> dict[str, Any]:
    analysis = experiment.last_analysis or {}
    return {
        "id": experiment.id,
        "name": experiment.name,
        "control": experiment.control_strategy,
        "test": experiment.test_strategy,
        "started_at": experiment.started_at,
        "progress": analysis.get("progress"),
        "explanation": experiment.explanation,
    }
