"""Shows how the models did on one pattern, run by run, newest first."""

import argparse

from learning.models import ModelPerformance
from learning.selectors import history
from optimizer_project.cli.arguments import add_json, find_scope, whole_number
from optimizer_project.cli.console import Console, format_usd
from routing.domain.prompt import PATTERNS

NAME = "trends"
HELP = "show how models did on a pattern over the retrainings"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pattern", metavar="PATTERN", choices=PATTERNS, help=f"one of {', '.join(PATTERNS)}")
    parser.add_argument("--limit", metavar="N", type=whole_number(1, 1000), default=20, help="rows to show; default 20")
    parser.add_argument("--team", metavar="TEAM", help="slug of a team that learns alone; default: the shared policy")
    add_json(parser)


def run(options: argparse.Namespace, console: Console) -> None:
    found = history.trends(find_scope(options.team), pattern=options.pattern, limit=options.limit)
    rows = [_row(performance) for performance in found]
    if options.json:
        console.json(rows)
    elif rows:
        console.table([name.replace("_", " ") for name in rows[0]], [tuple(row.values()) for row in rows])
    else:
        console.line(f"No retraining has seen ratings of {options.pattern} yet. Try: manage.py optimizer retrain")


def _row(row: ModelPerformance) -> dict[str, object]:
    return {
        "retrained": f"{row.updated_at:%Y-%m-%d %H:%M}",
        "model": f"{row.provider}/{row.model}",
        "stars": round(row.avg_quality_score, 2),
        "correct": None if row.correctness_rate is None else round(row.correctness_rate, 3),
        "ratings": row.sample_count,
        "confidence": row.confidence_level,
        "avg_cost_usd": format_usd(row.avg_cost_nano_usd),
    }
