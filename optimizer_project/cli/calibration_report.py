"""What `calibrate` shows: what a plan will cost, and what a calibration has found."""

from collections.abc import Mapping
from typing import Any

from learning.models import Calibration
from learning.selectors import outcome_report
from learning.services.calibration_planning import Plan
from optimizer_project.cli.console import Console, format_usd


def show_plan(plan: Plan, console: Console, *, as_json: bool) -> None:
    row = plan.calibration
    if as_json:
        console.json(
            {
                **summary(row),
                "expected_usd_by_model": {name: format_usd(cost) for name, cost in plan.expected_by_model.items()},
                "worst_case_usd": format_usd(plan.worst_nano_usd),
            }
        )
        return
    console.line(f"Calibration {row.pk}. Prompts: {len(row.request_ids)}; models: {len(row.model_names)}")
    console.table(
        ["model", "expected USD"], [(name, format_usd(cost)) for name, cost in plan.expected_by_model.items()]
    )
    console.line(
        f"Expected {format_usd(row.estimated_nano_usd)} USD with its grading, {format_usd(plan.worst_nano_usd)} USD at "
        "the very most (every answer as long as allowed, every retry billed). Nothing is spent yet."
    )
    console.line(
        f"Start it with: manage.py optimizer calibrate start {row.pk} --budget-usd {format_usd(row.estimated_nano_usd)}"
    )


def show(row: Calibration, console: Console, *, as_json: bool) -> None:
    models = [_model(outcomes) for outcomes in outcome_report.by_model(row.evaluation_set, row.failures)]
    judged = _judged(row)
    if as_json:
        console.json({**summary(row), "models": models, "judge_agreement": judged, "failures_list": row.failures})
        return
    for name, value in summary(row).items():
        console.line(f"{name.replace('_', ' ')}: {'-' if value is None else value}")
    if models:
        console.line()
        console.table([name.replace("_", " ") for name in models[0]], [tuple(model.values()) for model in models])
    for name, figures in judged.items():
        console.line()
        console.line(
            f"The judge against {name}: {figures['pairs']} answers, equal {_figure(figures['rate'])}, weighted kappa "
            f"{_figure(figures['quadratic_kappa'])}, Spearman {_figure(figures['spearman'])}"
        )


def show_all(console: Console, *, as_json: bool) -> None:
    rows = [summary(row) for row in Calibration.objects.select_related("team", "evaluation_set")]
    if as_json:
        console.json(rows)
    elif rows:
        console.table([name.replace("_", " ") for name in rows[0]], [tuple(row.values()) for row in rows])
    else:
        console.line("There are no calibrations yet. Plan one: manage.py optimizer calibrate plan TEAM --judge MODEL")


def summary(row: Calibration) -> dict[str, Any]:
    return {
        "id": row.pk,
        "team": row.team.slug,
        "state": row.state,
        "grader": row.grader,
        "prompts": len(row.request_ids),
        "models": len(row.model_names),
        "answers": row.evaluation_set.outcome_count,
        "failures": len(row.failures),
        "spent_usd": format_usd(row.spent_nano_usd),
        "budget_usd": None if row.state == Calibration.State.PLANNED else format_usd(row.budget_nano_usd),
        "expected_usd": format_usd(row.estimated_nano_usd),
        "evaluation_set": row.evaluation_set_id,
        "created_at": f"{row.created_at:%Y-%m-%d %H:%M}",
    }


def _model(outcomes: outcome_report.ModelOutcomes) -> dict[str, Any]:
    is_measured = outcomes.outcomes > 0
    return {
        "model": outcomes.model,
        "answers": outcomes.outcomes,
        "quality": f"{outcomes.quality:.3f}" if is_measured else None,
        "interval_95": f"{outcomes.lower:.3f} to {outcomes.upper:.3f}" if is_measured else None,
        "mean_cost_usd": None if outcomes.cost_nano_usd is None else format_usd(round(outcomes.cost_nano_usd)),
        "failures": outcomes.failures,
        "dominated": "yes" if outcomes.is_dominated else "no",
    }


def _judged(row: Calibration) -> dict[str, Mapping[str, Any]]:
    document = row.judge_agreement or {}
    named = {"repeated": "itself", "references": "reference answers"}
    return {words: document[name] for name, words in named.items() if name in document}


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
