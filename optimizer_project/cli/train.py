"""Trains the predictor on evaluation outcomes and rated requests, and has the policy that would use it evaluated.

It routes once the promotion gate lets it, or once staff promote it. With --dry-run nothing is written.
"""

import argparse
import sys
from typing import Any

from django.core.management.base import CommandError

from learning.domain.training_set import NotEnoughEvidence
from learning.services import training
from learning.services.training import Training
from optimizer_project.cli.arguments import add_json, find_scope
from optimizer_project.cli.console import Console
from routing.domain.policy import InvalidPolicy
from routing.services import database_clock
from routing.services.policies import PolicyNotUsable

NAME = "train"
HELP = "train the predictor of quality on all outcomes, and evaluate it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--team", metavar="TEAM", help="slug of a team that learns alone; default: the shared policy")
    parser.add_argument("--dry-run", action="store_true", help="train and tell, but store nothing")
    add_json(parser)


def run(options: argparse.Namespace, console: Console) -> None:
    try:
        found = training.train(
            team=find_scope(options.team),
            actor="command line",
            now=database_clock.now(),
            dry_run=options.dry_run,
            report=_report,
        )
    except (NotEnoughEvidence, InvalidPolicy, PolicyNotUsable) as error:
        raise CommandError(str(error)) from error
    if options.json:
        console.json(_document(found))
    else:
        _show(found, options.dry_run, console)


def _report(message: str) -> None:
    # Minutes may pass; beside the answer, so that --json stays one document.
    sys.stderr.write(f"{message} …\n")
    sys.stderr.flush()


def _document(found: Training) -> dict[str, Any]:
    return {
        **found.summary,
        "policy_version": found.candidate.version if found.candidate else None,
        "verdict": found.evaluation.verdict if found.evaluation else None,
    }


def _show(found: Training, is_dry_run: bool, console: Console) -> None:
    summary = found.summary
    models = summary["models"].items()
    console.table(
        ("model", "outcomes", "mean quality"),
        [(name, model["outcomes"], f"{model['mean_quality']:.3f}") for name, model in models],
    )
    console.line()
    console.line(
        f"{summary['outcomes']} outcomes of {summary['prompts']} prompts in {summary['categories']} categories"
    )
    console.line("Blend: " + ", ".join(f"{name} {share:.0%}" for name, share in summary["blend"].items()))
    console.line("Words of the prompts: " + ("used" if summary["uses_text"] else "not used, they do not help"))
    console.line(_gain(summary["held_out"]))
    console.line(_conclusion(found, is_dry_run))


def _gain(held_out: dict[str, float]) -> str:
    error, simple = held_out["error"], held_out["category_means_error"]
    change = 0.0 if simple == 0 else 1 - error / simple
    return (
        f"Squared error on what it had not seen: {error:.4f}, of category means alone {simple:.4f} ({change:+.1%} less)"
    )


def _conclusion(found: Training, is_dry_run: bool) -> str:
    if is_dry_run:
        return "This was a dry run: nothing was written. Leave out --dry-run to store a candidate."
    if found.candidate is None or found.evaluation is None:
        return "A policy holds this very predictor already: nothing new was learned, and nothing was stored."
    version = found.candidate.version
    if found.evaluation.verdict == found.evaluation.Verdict.PROMOTED:
        return f"Policy {version} routes within a second. Undo with: manage.py optimizer rollback"
    return (
        f"Policy {version} is stored; the gate says: {found.evaluation.verdict}. Its reasons are in the admin "
        "(Policy evaluations), where staff can also promote it."
    )
