"""Ratings: send one to the running server as any client would, or show what has been said of the answers."""

import argparse

from django.core.management.base import CommandError

from feedback.selectors.summary import FeedbackSummary, Tally, summary
from feedback.serializers.ratings import FeedbackSummarySerializer
from optimizer_project.cli import api_client
from optimizer_project.cli.arguments import add_json, find_team, whole_number
from optimizer_project.cli.console import Console

NAME = "feedback"
HELP = "rate an answer, and show what people say of the answers"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    rate = actions.add_parser("rate", help="rate the answer to one request")
    rate.add_argument("request_id", metavar="REQUEST_ID", help="the x-request-id of the answer")
    rate.add_argument("stars", metavar="STARS", type=whole_number(1, 5), help="1 to 5")
    rate.add_argument(
        "--correct", action=argparse.BooleanOptionalAction, help="whether the answer is correct (default: not known)"
    )
    rate.add_argument("--helpful", action=argparse.BooleanOptionalAction, help="whether it helped (default: not known)")
    rate.add_argument("--comment", default="", help="at most 1000 characters")
    rate.add_argument("--user", metavar="ID", help="who rates (default: nobody by name)")
    api_client.add_arguments(rate, timeout_seconds=30)
    show = actions.add_parser("summary", help="show the ratings by model and pattern")
    show.add_argument("--team", help="only the ratings of the team with this slug")
    add_json(show)


def run(options: argparse.Namespace, console: Console) -> None:
    if options.action == "rate":
        _rate(options, console)
    else:
        _show(options, console)


def _rate(options: argparse.Namespace, console: Console) -> None:
    rating = {
        "request_id": options.request_id,
        "quality_score": options.stars,
        "is_correct": options.correct,
        "is_helpful": options.helpful,
        "comment": options.comment,
        "user_id": options.user,
    }
    answer = api_client.post(options, "/feedback", rating)
    if not isinstance(answer, dict) or "feedback_id" not in answer:
        raise CommandError(f"{options.url} recorded no feedback: is it this server?")
    console.line(f"Recorded as feedback {answer['feedback_id']}.")
    if not answer["linked"]:
        console.line("Its request is not known, or has not ended yet: it is not learned from unless it appears later.")


def _show(options: argparse.Namespace, console: Console) -> None:
    found = summary(find_team(options.team) if options.team else None)
    if options.json:
        console.json(FeedbackSummarySerializer(found).data)
    elif found.total_feedback:
        _write(found, console)
    else:
        console.line("There is no feedback yet. Rate an answer: manage.py optimizer feedback rate REQUEST_ID STARS")


def _write(found: FeedbackSummary, console: Console) -> None:
    console.line(
        f"{found.total_feedback} ratings, {found.avg_quality_score:.2f} stars on average, "
        f"{found.unlinked_feedback} of no known request"
    )
    console.line()
    console.table(
        ["model", "ratings", "stars", "correct"],
        [
            (f"{row.provider}/{row.selected_model}", row.tally.count, f"{row.tally.avg_score:.2f}", _share(row.tally))
            for row in found.models
        ],
    )
    console.line()
    console.table(
        ["pattern", "ratings", "stars", "correct"],
        [
            (pattern, tally.count, f"{tally.avg_score:.2f}", _share(tally))
            for pattern, tally in found.by_query_pattern.items()
        ],
    )


def _share(tally: Tally) -> str | None:
    return None if tally.correctness_rate is None else f"{tally.correctness_rate:.0%}"
