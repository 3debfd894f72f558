"""Shows the decision that a prompt would get now, and why. Calls no provider and spends nothing."""

import argparse

from django.core.management.base import CommandError

from optimizer_project.cli.arguments import add_json, find_team, usd
from optimizer_project.cli.console import Console
from routing.domain import complexity, strategies
from routing.domain.catalog import Candidate
from routing.domain.decision import Controls, NoEligibleModel
from routing.services import decisions, snapshot

NAME = "decide"
HELP = "show which model a prompt would go to, and why"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("prompt", help="text of the user's message")
    parser.add_argument(
        "--strategy",
        choices=strategies.names(),
        help="default: what `auto` does, the active policy's strategy or else complexity",
    )
    parser.add_argument("--team", help="slug of the team whose settings count")
    parser.add_argument("--max-cost-usd", type=usd, help="leave out models that are expected to cost more")
    add_json(parser)


def run(options: argparse.Namespace, console: Console) -> None:
    try:
        features, decision = decisions.preview(
            snapshot.current(),
            messages=[{"role": "user", "content": options.prompt}],
            strategy=options.strategy,
            team_id=find_team(options.team).id if options.team else None,
            controls=Controls(max_cost_usd=options.max_cost_usd),
        )
    except NoEligibleModel as error:
        raise CommandError(str(error)) from error
    tier = complexity.tier(features.complexity_score)
    considered = [_row(candidate) for candidate in decision.considered]
    if options.json:
        console.json(
            {
                "model": decision.chosen.model.full_name,
                "strategy": decision.strategy,
                "pattern": features.pattern,
                "complexity_score": features.complexity_score,
                "complexity_tier": tier,
                "confidence": decision.confidence,
                "policy_version": decision.policy_version,
                "reasoning": decision.reasoning,
                "considered": considered,
            }
        )
        return
    console.line(f"{decision.chosen.model.full_name} ({decision.strategy}): {decision.reasoning}")
    console.line(
        f"pattern {features.pattern}, complexity {features.complexity_score:.2f} ({tier}), "
        f"confidence {decision.confidence or 'none'}"
    )
    console.line()
    columns = ["considered", "tier", "expected USD", "expected quality", "likely at least"]
    console.table(columns, [tuple(row.values()) for row in considered])


def _row(candidate: Candidate) -> dict[str, object]:
    expected = candidate.expected_cost_usd
    return {
        "model": candidate.model.full_name,
        "tier": candidate.model.tier,
        "expected_cost_usd": None if expected is None else f"{expected:f}",
        "expected_quality": _rounded(candidate.expected_quality),
        "quality_lower": _rounded(candidate.quality_lower),
    }


def _rounded(quality: float | None) -> float | None:
    return None if quality is None else round(quality, 4)
