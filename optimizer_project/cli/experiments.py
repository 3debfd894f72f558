"""Experiments: start one, see how it stands, end it, and let its winner route."""

import argparse
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from django.core.management.base import CommandError

from accounts.services.features import FeatureDisabled
from experiments.domain.plan import MODES, InvalidPlan
from experiments.models import Experiment
from experiments.selectors import reports
from experiments.services import analyses, control, creation, promotion
from experiments.services.analyses import ExperimentBusy
from experiments.services.control import ExperimentNotRunning
from experiments.services.creation import Design
from experiments.services.promotion import NothingToPromote
from optimizer_project.cli.arguments import add_json, find_team, share, whole_number
from optimizer_project.cli.console import Console
from routing.domain.policy import InvalidPolicy
from routing.domain.traffic_split import NamespaceFull
from routing.services import database_clock
from routing.services.policies import PolicyNotFound, PolicyNotUsable

NAME = "experiments"
HELP = "compare two ways to route on live traffic"
_ACTOR = "command line"
_LARGEST_ID = 2**63 - 1
_REFUSALS = (
    ExperimentBusy,
    ExperimentNotRunning,
    FeatureDisabled,
    InvalidPlan,
    InvalidPolicy,
    NamespaceFull,
    NothingToPromote,
    PolicyNotFound,
    PolicyNotUsable,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    _add_list(actions.add_parser("list", help="list experiments, newest first"))
    show = actions.add_parser("show", help="show what an experiment has found so far")
    show.add_argument("id", metavar="ID", type=whole_number(1, _LARGEST_ID), help="number of the experiment")
    add_json(show)
    _add_create(actions.add_parser("create", help="start an experiment"))
    for name, text in (
        ("complete", "end an experiment with the decision that its data allow"),
        ("cancel", "end an experiment without a winner"),
        ("promote", "let the winner of a completed experiment route"),
    ):
        action = actions.add_parser(name, help=text)
        action.add_argument("id", metavar="ID", type=whole_number(1, _LARGEST_ID), help="number of the experiment")
        action.add_argument("--reason", default="", help="why, for the record")
        if name == "promote":
            action.add_argument("--arm", choices=(creation.CONTROL, creation.TEST), help="default: the winner")


def run(options: argparse.Namespace, console: Console) -> None:
    try:
        _ACTIONS[options.action](options, console)
    except _REFUSALS as error:
        raise CommandError(str(error)) from error


def _add_list(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--team", metavar="TEAM", help="only those of the team with this slug")
    parser.add_argument("--status", choices=Experiment.Status.values, help="only those in this state")
    parser.add_argument("--limit", metavar="N", type=whole_number(1, 1000), default=20, help="default 20")
    add_json(parser)


def _add_create(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="at most 200 characters")
    for place in ("control", "test"):
        parser.add_argument(
            f"--{place}",
            dest=f"{place}_strategy",
            metavar="STRATEGY",
            required=True,
            help="complexity, learning, hybrid, or policy:VERSION",
        )
    parser.add_argument("--team", metavar="TEAM", help="slug of the team whose traffic it is (default: all teams)")
    parser.add_argument("--sample-size", type=whole_number(1, 10**12 - 1), help="planned requests of both arms")
    parser.add_argument("--mode", choices=MODES, default="", help="default: group_sequential with a sample size")
    parser.add_argument(
        "--traffic-percent",
        type=whole_number(0, 100),
        default=0,
        help="share of the users of `auto` that join without asking (default: none)",
    )
    parser.add_argument("--unit", choices=Experiment.Unit.values, default="user", help="default: %(default)s")
    parser.add_argument("--min-effect", type=share, default=0.1, help="least saving worth finding (default: 0.1)")
    parser.add_argument("--on-winner", choices=Experiment.OnWinner.values, default="report", help="default: report")
    add_json(parser)


def _list(options: argparse.Namespace, console: Console) -> None:
    found = reports.visible(find_team(options.team) if options.team else None)
    if options.status:
        found = found.filter(status=options.status)
    rows = [_row(experiment) for experiment in found[: options.limit]]
    if options.json:
        console.json(rows)
    elif rows:
        console.table(list(rows[0]), [tuple(row.values()) for row in rows])
    else:
        console.line("There are no experiments. Start one: manage.py optimizer experiments create NAME --control …")


def _show(options: argparse.Namespace, console: Console) -> None:
    experiment = analyses.refresh(_find(options.id), now=database_clock.now())
    results = reports.results(experiment)
    if options.json:
        console.json(results)
        return
    console.line(f"{experiment.name} ({experiment.status}): {experiment.explanation}")
    console.line()
    console.table(
        ["arm", "strategy", "requests", "cost_usd", "latency_ms", "quality", "error_rate"],
        [
            (arm["name"], arm["strategy"] or f"policy:{arm['policy_version']}", *_figures(results, arm["name"]))
            for arm in experiment.arms
        ],
    )
    console.line()
    console.table(
        ["metric", "change", "from", "to", "p"],
        [
            (
                comparison["metric"],
                _percent(comparison["relative_change"], comparison["difference"]),
                _percent(comparison["ci_low"]),
                _percent(comparison["ci_high"]),
                _rounded(comparison["p_value"]),
            )
            for comparison in results["comparisons"]
        ],
    )


def _create(options: argparse.Namespace, console: Console) -> None:
    if not 0 < len(options.name.strip()) <= 200:
        raise CommandError("The name must have 1 to 200 characters.")
    given = vars(options)
    design = Design(**{field.name: given[field.name] for field in fields(Design) if field.name in given})
    team = find_team(options.team) if options.team else None
    experiment = creation.create(design, team=team, actor=_ACTOR, now=database_clock.now())
    if options.json:
        console.json(_row(experiment))
        return
    console.line(f"Experiment {experiment.id} runs. It asks for:")
    console.line()
    console.table(
        ["metric", "effect", "units_per_arm", "requests", "chance_at_planned_size"],
        [
            (
                one["metric"],
                _percent(one["effect"]),
                one["units_per_arm"],
                one["requests"],
                _percent(one["chance_at_planned_size"]),
            )
            for one in experiment.requirements
        ],
    )


def _complete(options: argparse.Namespace, console: Console) -> None:
    ended = control.complete(_find(options.id), actor=_ACTOR, reason=options.reason, now=database_clock.now())
    console.line(f"Experiment {ended.id} is completed. {ended.explanation}")


def _cancel(options: argparse.Namespace, console: Console) -> None:
    ended = control.cancel(_find(options.id), actor=_ACTOR, reason=options.reason, now=database_clock.now())
    console.line(f"Experiment {ended.id} is cancelled.")


def _promote(options: argparse.Namespace, console: Console) -> None:
    now = database_clock.now()
    policy = promotion.promote(_find(options.id), actor=_ACTOR, arm=options.arm, reason=options.reason, now=now)
    console.line(f"Policy {policy.version} routes now, effective within a second.")


_ACTIONS: dict[str, Callable[[argparse.Namespace, Console], None]] = {
    "list": _list,
    "show": _show,
    "create": _create,
    "complete": _complete,
    "cancel": _cancel,
    "promote": _promote,
}


def _find(experiment_id: int) -> Experiment:
    found = reports.visible(None).filter(id=experiment_id).first()
    if found is None:
        raise CommandError(
            f"There is no experiment {experiment_id}. List them with: manage.py optimizer experiments list"
        )
    return found


def _row(experiment: Experiment) -> dict[str, Any]:
    return {
        "id": experiment.id,
        "name": experiment.name,
        "team": None if experiment.team is None else experiment.team.slug,
        "status": experiment.status,
        "control": experiment.control_strategy,
        "test": experiment.test_strategy,
        "started": f"{experiment.started_at:%Y-%m-%d %H:%M}",
        "winner": experiment.winner,
        "reason": experiment.reason_code or None,
    }


def _figures(results: dict[str, Any], arm: str) -> tuple[Any, ...]:
    names = ("avg_cost", "avg_latency", "avg_quality", "error_rate")
    return (results[f"{arm}_count"], *(_rounded(results[f"{arm}_{name}"]) for name in names))


def _rounded(value: float | None) -> str | None:
    return None if value is None else f"{value:.4g}"


def _percent(*values: float | None) -> str | None:
    """Return the first value that is known."""
    return next((f"{value:+.1%}" for value in values if value is not None), None)
