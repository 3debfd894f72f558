"""A rollout takes features to 10, 25, 50 and 100 % of the teams, and goes on only when its criteria hold."""

import argparse

from django.core.management.base import CommandError

from accounts.domain.features import Feature
from accounts.domain.rollout import CONFIRMATIONS, SHARES
from accounts.services import rollout
from accounts.services.rollout import ReasonMissing, RolloutRefused
from monitoring.serializers.rollout import RolloutSerializer
from monitoring.services import rollout as moves
from monitoring.services.rollout import RolloutStatus
from optimizer_project.cli.arguments import add_json
from optimizer_project.cli.console import Console
from routing.services import database_clock

NAME = "rollout"
HELP = "take features to more and more teams, or back"
_ACTOR = "command line"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    add_json(actions.add_parser("status", help="show the phase, and whether its criteria hold"))
    start = actions.add_parser("start", help="begin in phase 1: only a tenth of the teams has these features")
    names = [feature.value for feature in Feature]
    start.add_argument("features", metavar="FEATURE", nargs="+", choices=names, help=f"some of {', '.join(names)}")
    advance = actions.add_parser("advance", help="go on to the next phase, if all criteria hold")
    advance.add_argument("--override", metavar="REASON", type=_reason, help="go on although some do not, and why")
    rollback = actions.add_parser("rollback", help="go back to the phase before, effective within a second")
    rollback.add_argument("--reason", required=True, type=_reason, help="why, for the record")
    rollback.add_argument("--issue", type=_reason, help="what went wrong")
    confirm = actions.add_parser("confirm", help="confirm what only a person can say")
    confirm.add_argument("name", metavar="NAME", choices=list(CONFIRMATIONS), help=f"one of {', '.join(CONFIRMATIONS)}")
    confirm.add_argument("--undo", action="store_true", help="take the confirmation back")
    issue = actions.add_parser("issue", help="keep what went wrong in the present phase")
    issue.add_argument("text", metavar="TEXT", type=_reason, help="what went wrong")


def run(options: argparse.Namespace, console: Console) -> None:
    now = database_clock.now()
    try:
        if options.action == "start":
            rollout.start(options.features, actor=_ACTOR, now=now)
        elif options.action == "advance":
            moves.advance(overrides=bool(options.override), reason=options.override or "", actor=_ACTOR, now=now)
        elif options.action == "rollback":
            rollout.rollback(reason=options.reason, issue=options.issue or "", actor=_ACTOR, now=now)
        elif options.action == "confirm":
            rollout.confirm(options.name, is_confirmed=not options.undo, actor=_ACTOR, now=now)
        elif options.action == "issue":
            rollout.report_issue(options.text, actor=_ACTOR, now=now)
    except (RolloutRefused, ReasonMissing) as error:
        raise CommandError(str(error)) from error
    _show(moves.status(now=now), console, as_json=getattr(options, "json", False))


def _reason(text: str) -> str:
    if not 0 < len(text.strip()) <= 500:
        raise argparse.ArgumentTypeError("it takes 1 to 500 characters")
    return text.strip()


def _show(status: RolloutStatus, console: Console, *, as_json: bool) -> None:
    if as_json:
        console.json(RolloutSerializer(status).data)
        return
    phase = status.phase
    if phase is None:
        console.line(f"No rollout runs: every feature that is on reaches all {status.teams} teams.")
        return
    console.line(
        f"Phase {phase.number} ({SHARES[phase.number]:.0%} of the teams) since {phase.started_at:%Y-%m-%d %H:%M} UTC: "
        f"{status.teams_reached} of {status.teams} teams have {', '.join(phase.features)}."
    )
    rows = [("yes" if one.holds else "NO", one.label, one.limit, one.why) for one in status.criteria]
    if rows:
        console.line()
        console.table(("holds", "criterion", "limit", "found"), rows)
    for issue in phase.issues_found:
        console.line(f"Issue of {issue['at'][:16].replace('T', ' ')}, {issue['by']}: {issue['text']}")
    console.line()
    if status.unmet:
        console.line(f"It may not go on: {len(status.unmet)} of {len(status.criteria)} criteria do not hold.")
    else:
        console.line("It may go on: manage.py optimizer rollout advance")
