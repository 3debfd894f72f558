"""Figures and terms of experiments as people read them: every number with its unit, nothing without an explanation."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

UNKNOWN = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
_LONGEST_MS = 10_000


@dataclass(frozen=True, slots=True)
class MetricWords:
    """How one metric is called, what it is, and how its values and changes are written."""

    label: str
    meaning: str
    value: Callable[[float], str]
    change: Callable[[float], str]


def signed_percent(share: float) -> str:
    """Write a change that is a share of the other value: 0.123 as "+12.3%"."""
    return f"{_signed(100 * share)}%"


def points(difference: float) -> str:
    """Write a difference of two rates: 0.012 as "+1.2 points"."""
    return f"{_signed(100 * difference)} points"


def percent(share: float) -> str:
    """Write a share: 0.123 as "12.3%"."""
    return f"{share:.1%}"


def dollars(usd: float | None) -> str:
    """Write an amount that was estimated: cents from a dollar up, else three digits that count."""
    if usd is None:
        return UNKNOWN
    sign, amount = (MINUS if usd < 0 else ""), abs(usd)
    if amount >= 1 or amount == 0:
        return f"{sign}${amount:,.2f}"
    decimals = 2 - math.floor(math.log10(amount))
    return f"{sign}${amount:.{min(decimals, 12)}f}"


def milliseconds(value: float) -> str:
    """Write a duration: in seconds from ten seconds up."""
    return f"{value:,.0f} ms" if value < _LONGEST_MS else f"{value / 1000:,.1f} s"


def hours(value: float) -> str:
    """Write a length of time in the unit that fits it."""
    if value < 1:
        return f"{_number(60 * value)} minutes"
    return f"{_number(value)} hours" if value < 48 else f"{_number(value / 24)} days"


def p_value(value: float | None) -> str:
    """Write a p-value; those below one in ten thousand are as good as one another."""
    if value is None:
        return UNKNOWN
    return "< 0.0001" if value < 1e-4 else f"{value:.4f}"


def p_sentence(value: float) -> str:
    """Write a p-value where it is not in a column of its own."""
    shown = p_value(value)
    return f"p {shown}" if shown.startswith("<") else f"p = {shown}"


def interval(low: float | None, high: float | None, shown: Callable[[float], str]) -> str:
    """Write an interval; a bound that is not known yet is open."""
    if low is None and high is None:
        return ""
    # The unit of both, written once.
    first = UNKNOWN if low is None else shown(low).removesuffix(" points")
    return f"{first} to {UNKNOWN if high is None else shown(high)}"


def count(number: float, noun: str) -> str:
    """Write a whole number of things: "1 request", "1,200 requests"."""
    return f"{number:,.0f} {noun}{'' if number == 1 else 's'}"


def chance(value: float | None) -> str:
    """Write a chance; none is ever quite certain."""
    if value is None:
        return ""
    return "> 99%" if value > 0.99 else f"{value:.0%}"


def found_effect(metric: str, effect: float) -> str:
    """Write the effect that a requirement is about, which is a logarithm except for rates, as it is asked for."""
    if metric_words(metric).change is not signed_percent:
        return f"{100 * effect:.3g} points"
    share = math.expm1(effect) if metric.startswith("latency") else -math.expm1(-effect)
    return f"{100 * share:.3g}%"


def strategy(name: str) -> str:
    """Write a strategy as it was given: "policy:12" as "policy 12"."""
    return name.replace(":", " ")


def metric_words(name: str) -> MetricWords:
    """Return how a metric of ``experiments.domain.metrics`` is told."""
    return _METRICS[name]


def _signed(value: float) -> str:
    if abs(value) < 0.05:
        return "0.0"
    return f"{value:+,.{1 if abs(value) < 1000 else 0}f}".replace("-", MINUS)


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0") if value < 10 else f"{value:,.0f}"


_METRICS: Mapping[str, MetricWords] = {
    "cost_per_reference_cost": MetricWords(
        "Cost",
        "What was spent, as a share of what the same prompts were expected to cost at the baseline model. Dear and "
        "cheap prompts count alike this way, so it decides.",
        percent,
        signed_percent,
    ),
    "cost_per_request": MetricWords(
        "Cost per request", "What one request cost, whatever its size.", dollars, signed_percent
    ),
    "latency": MetricWords(
        "Answer time",
        "Mean time to the complete answer. Less than 100 ms, which nobody notices, counts as 100 ms.",
        milliseconds,
        signed_percent,
    ),
    "latency_p95": MetricWords(
        "Slow answers",
        "The time within which 95 of 100 answers are complete. Judged once each arm has 200 units.",
        milliseconds,
        signed_percent,
    ),
    "quality": MetricWords(
        "Quality", "Mean of the stars, 1 to 5, that people gave.", lambda stars: f"{stars:.2f} stars", signed_percent
    ),
    "error_rate": MetricWords("Errors", "Share of the requests that failed.", percent, points),
    "rating_share": MetricWords(
        "Rated requests",
        "Share of the requests that were rated. Where it differs, the ratings of the two cannot be compared.",
        percent,
        points,
    ),
}

UNITS: Mapping[str, str] = {"user": "user", "session": "session", "request": "request"}
MODES: Mapping[str, tuple[str, str]] = {
    "group_sequential": (
        "Group-sequential",
        "May be looked at as often as one likes, and names a winner before the planned size only where the evidence is "
        "strong enough for an early look.",
    ),
    "sequential": (
        "Sequential",
        "May be looked at as often as one likes and ended at any time: its intervals hold at every look.",
    ),
    "fixed": ("Fixed", "Is judged once, at the planned size. Until then there are estimates only."),
}
STATES: Mapping[str, tuple[str, str]] = {
    "passed": ("margin kept", "good"),
    "failed": ("worse than allowed", "bad"),
    "undecided": ("not shown yet", "warn"),
    "not_measured": ("not measured", "plain"),
}
