"""A window that cost far more than the four weeks before it."""

import math
from datetime import timedelta

from insights.domain import certainty, severity, wording
from insights.domain.finding import Action, ActionKind, Category, Finding, Savings, Suggestion
from insights.domain.observations import DAYS_PER_MONTH, ModelDay, Observations
from insights.domain.thresholds import Thresholds

TYPE = "spend_spike"
_HISTORY_DAYS = 28
_WEEK = 7
# With less history, the start of a team would look like a spike.
_LEAST_HISTORY_DAYS = 14
# Weeks differ by at least this share of their mean, even if the few seen do not.
_LEAST_SPREAD = 0.1
_SHOWN = 5
_ASSUMPTION = "Spend returns to the mean of the weeks before; where the growth is wanted, nothing is saved."


def detect(observations: Observations, thresholds: Thresholds) -> list[Finding]:
    """Find whether the window's spend a day is past the ratio to the mean of the four weeks before it."""
    before = _history(observations)
    if not before:
        return []
    known_days = (observations.starts_on - min(part.day for part in before)).days
    spent = sum(part.cost_nano_usd for part in before)
    now = sum(part.cost_nano_usd for part in _window(observations))
    # Compared as whole products: spend a day is now / window_days and spent / known_days.
    if known_days < _LEAST_HISTORY_DAYS or spent <= 0:
        return []
    ratio = now * known_days / (spent * observations.window_days)
    extra = observations.per_month(now) - spent * DAYS_PER_MONTH // known_days
    if ratio < thresholds.spend_ratio or extra < thresholds.min_monthly_savings_nano_usd:
        return []
    return [_finding(observations, thresholds, known_days, ratio, extra)]


def _finding(observations: Observations, thresholds: Thresholds, known_days: int, ratio: float, extra: int) -> Finding:
    spent = sum(part.cost_nano_usd for part in _history(observations))
    usual = spent * DAYS_PER_MONTH // known_days
    limit = int(usual * thresholds.spend_ratio)
    return Finding(
        TYPE,
        Category.COST,
        severity.of_excess(ratio / thresholds.spend_ratio),
        f"Spend is {ratio:.1f} times that of the weeks before, {wording.usd(extra)} a month more",
        {},
        {
            "cost_nano_usd": sum(part.cost_nano_usd for part in _window(observations)),
            "window_days": observations.window_days,
            "cost_before_nano_usd": spent,
            "days_before": known_days,
            "ratio": round(ratio, 4),
            "grown_most": _grown_most(observations, known_days),
        },
        Suggestion(
            f"See who grew. A budget of {wording.usd(limit)} a month would have stopped it.",
            Action(ActionKind.SET_BUDGET, {"period": "month", "limit_nano_usd": limit}),
        ),
        _confidence(observations, known_days),
        Savings(extra, _ASSUMPTION),
    )


def _history(observations: Observations) -> list[ModelDay]:
    first = observations.starts_on - timedelta(days=_HISTORY_DAYS)
    return [part for part in observations.days if first <= part.day < observations.starts_on and part.requests]


def _window(observations: Observations) -> list[ModelDay]:
    return [part for part in observations.days if observations.starts_on <= part.day < observations.ends_before]


def _confidence(observations: Observations, known_days: int) -> float:
    """Return how likely so much spend is not one of the weeks that were seen, by their spread."""
    weeks = [0] * (known_days // _WEEK)
    for part in _history(observations):
        week = (observations.starts_on - part.day).days - 1
        if week // _WEEK < len(weeks):
            weeks[week // _WEEK] += part.cost_nano_usd
    mean = sum(weeks) / len(weeks)
    variance = sum((week - mean) ** 2 for week in weeks) / (len(weeks) - 1)
    now = sum(part.cost_nano_usd for part in _window(observations)) * _WEEK / observations.window_days
    spread = math.sqrt(variance * (1 + 1 / len(weeks)) + (_LEAST_SPREAD * mean) ** 2)
    return certainty.normal_cdf((now - mean) / spread) if spread else 1.0


def _grown_most(observations: Observations, known_days: int) -> list[dict[str, object]]:
    growth: dict[str, list[int]] = {}
    for part in _history(observations):
        growth.setdefault(part.model, [0, 0])[0] += part.cost_nano_usd
    for part in _window(observations):
        growth.setdefault(part.model, [0, 0])[1] += part.cost_nano_usd
    daily = {model: (before // known_days, now // observations.window_days) for model, (before, now) in growth.items()}
    largest = sorted(daily.items(), key=lambda item: (item[1][0] - item[1][1], item[0]))
    return [
        {"model": model, "cost_a_day_before_nano_usd": before, "cost_a_day_nano_usd": now}
        for model, (before, now) in largest[:_SHOWN]
    ]
