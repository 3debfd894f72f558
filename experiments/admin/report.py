"""The parts of an experiment's page: tables and tiles, made from the stored analysis."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.safestring import SafeString

from experiments.admin import decision, pictures, words
from experiments.domain import metrics, sample_ratio
from experiments.domain.verdict import LARGEST_SHARE_IN_BOTH_ARMS
from experiments.models import Experiment
from experiments.selectors import reports

_RATINGS_MATCH = "within chance"
_LARGEST_DRAWN = 0.6


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One metric of the test arm against the control, as text; ``tone`` colors the state."""

    name: str
    label: str
    meaning: str
    control: str
    test: str
    change: str
    interval: str
    picture: SafeString | str
    p_value: str
    margin: str
    state: str
    tone: str


@dataclass(frozen=True, slots=True)
class ArmRow:
    """One arm's plain figures, as text."""

    name: str
    strategy: str
    planned: str
    units: str
    counted: str
    share: str
    requests: str
    cost: str
    latency: str
    quality: str
    errors: str
    rated: str


@dataclass(frozen=True, slots=True)
class Split:
    """Whether the arms' sizes are as planned."""

    state: str
    tone: str
    meaning: str
    p_value: str
    in_both: str


def primary(analysis: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return the comparison on cost that decides, if there is one."""
    return _comparisons(analysis).get(analysis["primary_metric"]) if analysis else None


def effect(analysis: Mapping[str, Any] | None) -> tuple[str, str]:
    """Return the change of cost and its interval, as text; empty where there is none."""
    found = primary(analysis)
    if found is None or found["relative_change"] is None:
        return "", ""
    return words.signed_percent(found["relative_change"]), _interval(found)


def effect_picture(analysis: Mapping[str, Any] | None) -> SafeString | str:
    """Draw the change of cost on a scale that is the same for all experiments."""
    found = primary(analysis)
    return _picture(found, None, reach=_LARGEST_DRAWN) if found else ""


def cost_tone(analysis: Mapping[str, Any]) -> str:
    """Return good where the test is shown to be cheaper, bad where it is shown to be dearer."""
    found = primary(analysis)
    return "plain" if found is None else _state(found, None, analysis)[1]


def metric_rows(analysis: Mapping[str, Any]) -> list[MetricRow]:
    """Return what was measured, cost first, and then what a margin was set for and nobody measured."""
    guardrails = {result["metric"]: result for result in analysis["guardrails"]}
    compared = _comparisons(analysis)
    rows = [_compared_row(found, guardrails.get(name), analysis) for name, found in compared.items()]
    return rows + [_unmeasured_row(result) for name, result in guardrails.items() if name not in compared]


def arm_rows(experiment: Experiment) -> list[ArmRow]:
    """Return the plain figures of both arms; the experiment must have been analyzed."""
    found = reports.results(experiment)
    total = sum(arm["units"] for arm in found["arms"].values())
    return [_arm_row(experiment, arm, found, total) for arm in experiment.arms]


def split(experiment: Experiment) -> Split:
    """Return whether the units came out as the weights planned; the experiment must have been analyzed."""
    health = (experiment.last_analysis or {})["health"]
    p_value, in_both = health["srm_p_value"], health["share_in_both_arms"]
    shown = (words.p_sentence(p_value), f"{in_both:.1%}")
    if p_value < sample_ratio.THRESHOLD:
        return Split(
            "wrong",
            "bad",
            "The arms' sizes differ from the plan by more than chance would have it. Something loses requests of one "
            "arm, so the arms cannot be compared.",
            *shown,
        )
    if in_both > LARGEST_SHARE_IN_BOTH_ARMS:
        return Split("units changed arms", "bad", "Too many were served by both arms to tell the arms apart.", *shown)
    return Split(
        "as planned",
        "good",
        "The arms' sizes differ from the plan by no more than chance would have it, so nothing was lost on one side.",
        *shown,
    )


def savings(analysis: Mapping[str, Any]) -> tuple[str, str]:
    """Return what the test arm saved and its interval, as text."""
    found = next(iter(analysis["savings_usd"]), None)
    if found is None:
        return words.UNKNOWN, ""
    return words.dollars(found["estimate_usd"]), words.interval(found["low_usd"], found["high_usd"], words.dollars)


def _comparisons(analysis: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {comparison["metric"]: comparison for comparison in analysis["comparisons"]}


def _compared_row(
    found: Mapping[str, Any], guardrail: Mapping[str, Any] | None, analysis: Mapping[str, Any]
) -> MetricRow:
    name = found["metric"]
    told = words.metric_words(name)
    change = _change(found)
    state, tone = _state(found, guardrail, analysis)
    return MetricRow(
        name=name,
        label=told.label,
        meaning=told.meaning,
        control=_value(name, found["baseline_value"]),
        test=_value(name, found["challenger_value"]),
        change=words.UNKNOWN if change is None else told.change(change),
        interval=_interval(found),
        picture=_picture(found, guardrail),
        p_value=words.p_value(found["p_value"]),
        margin=_margin(guardrail) if guardrail else "",
        state=state,
        tone=tone,
    )


def _unmeasured_row(result: Mapping[str, Any]) -> MetricRow:
    told = words.metric_words(result["metric"])
    state, tone = words.STATES[result["state"]]
    if result["is_asked_for"]:
        state, tone = f"{state}, though a winner must keep it", "warn"
    blank = words.UNKNOWN
    return MetricRow(
        result["metric"], told.label, told.meaning, blank, blank, blank, "", "", blank, _margin(result), state, tone
    )


def _state(
    found: Mapping[str, Any], guardrail: Mapping[str, Any] | None, analysis: Mapping[str, Any]
) -> tuple[str, str]:
    if guardrail is not None:
        if guardrail["ratings_differ"]:
            return "ratings cannot be compared", "warn"
        return words.STATES[guardrail["state"]]
    if found["p_value"] is None:
        return "no verdict yet", "plain"
    if found["metric"] == metrics.RATING_SHARE.name:
        differ = any(result["ratings_differ"] for result in analysis["guardrails"])
        return ("differs", "warn") if differ else (_RATINGS_MATCH, "good")
    is_primary = found["metric"] == analysis["primary_metric"]
    if found["ci_high"] is not None and found["ci_high"] < 0:
        return "cheaper", "good" if is_primary else "plain"
    if found["ci_low"] is not None and found["ci_low"] > 0:
        return "dearer", "bad" if is_primary else "plain"
    return "undecided", "plain"


def _arm_row(experiment: Experiment, arm: Mapping[str, Any], found: Mapping[str, Any], total_units: int) -> ArmRow:
    name, figures = arm["name"], found["arms"][arm["name"]]
    return ArmRow(
        name=name,
        strategy=decision.strategy_of(experiment, name),
        planned=f"{arm['weight']:.0%}",
        units=f"{figures['units']:,}",
        counted=words.count(figures["units"], words.UNITS[experiment.unit]),
        share=f"{figures['units'] / total_units:.1%}" if total_units else words.UNKNOWN,
        requests=f"{figures['requests']:,}",
        cost=words.dollars(figures["cost_per_request_usd"]),
        latency=_value("latency", found[f"{name}_avg_latency"]),
        quality=_value("quality", figures["mean_quality"]),
        errors=_value("error_rate", figures["error_rate"]),
        rated=_value("rating_share", figures["rating_share"]),
    )


def _change(found: Mapping[str, Any]) -> float | None:
    change: float | None = found["relative_change"]
    return found["difference"] if change is None else change


def _value(metric: str, value: float | None) -> str:
    return words.UNKNOWN if value is None else words.metric_words(metric).value(value)


def _interval(found: Mapping[str, Any]) -> str:
    return words.interval(found["ci_low"], found["ci_high"], words.metric_words(found["metric"]).change)


def _margin(guardrail: Mapping[str, Any]) -> str:
    metric = metrics.GUARDS[guardrail["metric"]]
    sign = "+" if metric.better == "lower" else words.MINUS
    return f"{sign}{100 * guardrail['margin']:g}{'%' if metric.is_relative else ' points'}"


def _picture(
    found: Mapping[str, Any], guardrail: Mapping[str, Any] | None, *, reach: float | None = None
) -> SafeString | str:
    change, told = _change(found), words.metric_words(found["metric"])
    if change is None:
        return ""
    worst = None
    if guardrail is not None:
        worst = guardrail["margin"] if metrics.GUARDS[found["metric"]].better == "lower" else -guardrail["margin"]
    interval = _interval(found)
    label = f"{told.label}: {told.change(change)}" + (f", interval {interval}" if interval else "")
    return pictures.change(change, found["ci_low"], found["ci_high"], worst=worst, reach=reach, label=label)
