"""Takes the action of a finding, as accepting it in the admin does, and takes it back.

Without --yes it only shows what would change. `review` and `insights suggestions` show the numbers of findings.
"""

import argparse

from django.core.management.base import CommandError

from accounts.services import features
from accounts.services.features import Feature, FeatureDisabled
from insights.domain.answers import Answer
from insights.models import AppliedAction, Finding
from insights.selectors import findings
from insights.selectors.findings import FindingNotFound
from insights.serializers.reviews import AppliedActionSerializer
from insights.serializers.suggestions import ActionChangeSerializer
from insights.services import actions, answers
from insights.services.actions import ActionNotFound, NotApplicable
from insights.services.answers import FindingClosed, NothingToApply
from optimizer_project.cli.arguments import add_json, whole_number
from optimizer_project.cli.console import Console
from routing.services import database_clock

NAME = "apply"
HELP = "take the action of a finding, or take it back"
_ACTOR = "command line"
_LARGEST_ID = 2**63 - 1
_REFUSALS = (FeatureDisabled, FindingClosed, NotApplicable, NothingToApply)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group(required=True)
    number = whole_number(1, _LARGEST_ID)
    what.add_argument("finding", metavar="FINDING", nargs="?", type=number, help="number of the finding")
    what.add_argument("--revert", metavar="ACTION", type=number, help="take back the applied action of this number")
    parser.add_argument("--yes", action="store_true", help="do it; without, only show what would change")
    parser.add_argument("--reason", type=_reason, default="", help="why, for the record: at most 1000 characters")
    add_json(parser)


def run(options: argparse.Namespace, console: Console) -> None:
    try:
        if options.revert is None:
            _apply(_find(options.finding), options, console)
        else:
            _revert(options, console)
    except _REFUSALS as error:
        raise CommandError(f"{error} The findings are listed by: manage.py optimizer review") from error


def _apply(finding: Finding, options: argparse.Namespace, console: Console) -> None:
    features.require(Feature.COST_REVIEW, finding.team)
    in_force = AppliedAction.objects.filter(finding=finding, reverted_at__isnull=True).first()
    if in_force is not None:
        _tell(
            in_force, f"Action {in_force.id} is in force since {in_force.applied_at:%Y-%m-%d %H:%M}.", options, console
        )
        return
    change = actions.preview(finding)
    if not options.json:
        console.line(f"{finding.team.slug}: {finding.title}")
        console.line(change.summary)
        console.line(f"  now    {change.before}")
        console.line(f"  then   {change.after}")
        for note in change.notes:
            console.line(f"  {note}")
    if not options.yes:
        if options.json:
            console.json(ActionChangeSerializer(change).data)
        else:
            console.line("Nothing was changed. Add --yes to do it.")
        return
    recorded = answers.answer(
        finding.id,
        finding.team,
        verdict=Answer.ACCEPTED,
        reason=options.reason,
        apply=True,
        actor=_ACTOR,
        now=database_clock.now(),
    )
    assert recorded.applied is not None, "an action that cannot be taken is refused"
    _tell(recorded.applied, f"Action {recorded.applied.id} is in force.", options, console)


def _tell(applied: AppliedAction, what: str, options: argparse.Namespace, console: Console) -> None:
    if options.json:
        console.json(AppliedActionSerializer(applied).data)
    else:
        console.line(f"{what} Take it back with: manage.py optimizer apply --revert {applied.id} --yes")


def _revert(options: argparse.Namespace, console: Console) -> None:
    try:
        applied = actions.find(options.revert, None)
    except ActionNotFound as error:
        raise CommandError(
            f"There is no applied action {options.revert}. `manage.py optimizer apply FINDING` tells the number of the "
            "one that is in force; the admin lists all under Applied actions."
        ) from error
    if applied.reverted_at is None and options.yes:
        applied = actions.revert(applied, actor=_ACTOR, now=database_clock.now(), reason=options.reason)
    if options.json:
        console.json(AppliedActionSerializer(applied).data)
    elif applied.reverted_at is None:
        console.line(f"{applied.kind} for “{applied.finding.title}” of {applied.team.slug} would be taken back.")
        console.line("Nothing was changed. Add --yes to do it.")
    else:
        console.line(
            f"Action {applied.id} was taken back {applied.reverted_at:%Y-%m-%d %H:%M} by {applied.reverted_by}."
        )


def _find(finding_id: int) -> Finding:
    try:
        return findings.finding(finding_id, None)
    except FindingNotFound as error:
        raise CommandError(
            f"There is no finding {finding_id}. The findings are listed by: manage.py optimizer review"
        ) from error


def _reason(text: str) -> str:
    if len(text) > 1000:
        raise argparse.ArgumentTypeError("it takes at most 1000 characters")
    return text
