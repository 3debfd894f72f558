"""Looks for what would keep the server from working, and tells the cure for each. Fails when a check fails."""

import argparse
from dataclasses import asdict

from django.core.management.base import CommandError

from optimizer_project.cli import checks
from optimizer_project.cli.arguments import add_json, port
from optimizer_project.cli.console import Console

NAME = "doctor"
HELP = "find what is wrong and how to cure it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=port, default=8000, help="port the server is to use (default: %(default)s)")
    add_json(parser)


def run(options: argparse.Namespace, console: Console) -> None:
    findings = checks.run_all(options.port)
    if options.json:
        console.json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            console.line(f"{finding.state.upper():<8} {finding.name}: {finding.detail}")
            if finding.cure:
                console.line(f"{'':<8} Cure: {finding.cure}")
    failed = [finding.name for finding in findings if finding.state == checks.FAILED]
    if failed:
        raise CommandError(f"Checks failed: {', '.join(failed)}. The cure of each stands above.")
