"""Features are switched off and on while the product runs, for everybody or for one team.

The kill switch in one command: manage.py optimizer features disable learned_routing
"""

import argparse

from django.core.management.base import CommandError
from django.utils import timezone

from accounts import selectors
from accounts.selectors import FeatureStatus
from accounts.serializers import FeatureSerializer
from accounts.services import features
from accounts.services.features import Feature
from optimizer_project.cli.arguments import add_json, find_team
from optimizer_project.cli.console import Console

NAME = "features"
HELP = "switch features off and on, for everybody or one team"
_ACTOR = "command line"
_SWITCHES = {
    "disable": (features.disable, "off", "switch a feature off, effective everywhere within a second"),
    "enable": (features.enable, "on", "switch a feature on"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="list features, whether they are on, and who decided that")
    listing.add_argument("--team", metavar="SLUG", help="how they stand for this team")
    add_json(listing)
    for name, (_, _, text) in _SWITCHES.items():
        action = _add_switch(actions.add_parser(name, help=text))
        action.add_argument("--team", metavar="SLUG", help="only for this team; default: for everybody")
    reset = _add_switch(actions.add_parser("reset", help="let a team follow everybody and the rollout again"))
    reset.add_argument("--team", metavar="SLUG", required=True, help="the team")


def run(options: argparse.Namespace, console: Console) -> None:
    if options.action == "list":
        _list(options, console)
    elif options.action == "reset":
        _reset(options, console)
    else:
        _switch(options, console)


def _add_switch(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument(
        "feature",
        metavar="FEATURE",
        choices=[feature.value for feature in Feature],
        help=f"one of {', '.join(Feature)}",
    )
    parser.add_argument("--reason", default="", help="why, for the record")
    return parser


def _switch(options: argparse.Namespace, console: Console) -> None:
    switch, state, _ = _SWITCHES[options.action]
    team = find_team(options.team) if options.team else None
    switch(options.feature, team=team, reason=_reason(options), actor=_ACTOR, now=timezone.now())
    gates = features.load()
    whom = f"team {team.slug}" if team else "everybody"
    if gates.is_enabled(Feature(options.feature), team) == (state == "on"):
        console.line(f"The feature {options.feature} is {state} for {whom}, in every process within a second.")
    elif Feature(options.feature) in gates.forced_off:
        names = "LEARNING_ENABLED and LEARNING_FEATURES_DISABLED"
        console.line(f"Noted, but the environment keeps {options.feature} off: see {names} there.")
    else:
        console.line(f"Noted for team {options.team}, but {options.feature} is off for everybody.")


def _reset(options: argparse.Namespace, console: Console) -> None:
    team = find_team(options.team)
    if not features.reset(options.feature, team=team, reason=_reason(options), actor=_ACTOR, now=timezone.now()):
        raise CommandError(f"Team {team.slug} has no setting of {options.feature} of its own.")
    state = "on" if features.load().is_enabled(Feature(options.feature), team) else "off"
    console.line(f"Team {team.slug} follows everybody again: {options.feature} is {state} for it.")


def _reason(options: argparse.Namespace) -> str:
    reason: str = options.reason
    if len(reason) > 500:
        raise CommandError("--reason takes at most 500 characters.")
    return reason


def _list(options: argparse.Namespace, console: Console) -> None:
    team = find_team(options.team) if options.team else None
    statuses = selectors.feature_statuses(features.load(), team)
    if options.json:
        console.json(FeatureSerializer(statuses, many=True).data)
        return
    rows = [(status.name, _state(status), status.source, _why(status), _teams(status)) for status in statuses]
    console.table(("feature", f"for {team.slug}" if team else "state", "decided by", "why", "teams of their own"), rows)


def _state(status: FeatureStatus) -> str:
    is_on = status.is_enabled if status.is_enabled_for_team is None else status.is_enabled_for_team
    reach = f", phase {status.rollout_phase}" if status.rollout_phase is not None else ""
    return f"{'on' if is_on else 'OFF'}{reach}"


def _why(status: FeatureStatus) -> str | None:
    setting = status.setting
    if setting is None:
        return None
    reason = f": {setting.reason}" if setting.reason else ""
    return f"{setting.changed_by} {setting.changed_at:%Y-%m-%d %H:%M}{reason}"


def _teams(status: FeatureStatus) -> str | None:
    return ", ".join(f"{row.team.slug} {'on' if row.is_enabled else 'off'}" for row in status.teams if row.team) or None
