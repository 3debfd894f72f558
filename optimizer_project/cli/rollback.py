"""Restores an earlier routing policy with its overrides, effective within a second."""

import argparse

from django.core.management.base import CommandError

from optimizer_project.cli.arguments import find_scope, whole_number
from optimizer_project.cli.console import Console
from routing.domain.policy import InvalidPolicy
from routing.services import database_clock, policies
from routing.services.policies import PolicyNotFound, PolicyNotUsable

NAME = "rollback"
HELP = "restore an earlier routing policy"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("version", metavar="VERSION", type=whole_number(1, 2_147_483_647), help="number of the policy")
    parser.add_argument("--team", metavar="TEAM", help="slug of a team that learns alone; default: the shared policy")
    parser.add_argument("--reason", default="", help="why, for the record")


def run(options: argparse.Namespace, console: Console) -> None:
    try:
        activation = policies.rollback(
            version=options.version,
            team=find_scope(options.team),
            actor="command line",
            reason=options.reason[:400],
            now=database_clock.now(),
        )
    except (PolicyNotFound, PolicyNotUsable, InvalidPolicy) as error:
        raise CommandError(str(error)) from error
    replaced = f" in place of policy {activation.replaced_id}" if activation.replaced_id else ""
    console.line(f"Policy {activation.policy_id} routes again{replaced}, effective within a second.")
