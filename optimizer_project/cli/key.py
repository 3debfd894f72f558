"""API keys prove which team a request is from. A key is shown once, when it is created; only a hash of it is stored."""

import argparse
from datetime import datetime, timedelta

from django.core.management.base import CommandError
from django.utils import timezone

from accounts.models import ApiKey
from accounts.services import api_keys
from optimizer_project.cli.arguments import add_json, find_key, find_team, whole_number
from optimizer_project.cli.console import Console

NAME = "key"
HELP = "create, list and revoke API keys"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = actions.add_parser("create", help="create a key of a team and show it once")
    create.add_argument("team", metavar="TEAM", help="slug of the team")
    create.add_argument("--name", required=True, help="what the key is for")
    create.add_argument(
        "--scope",
        action="append",
        default=[],
        choices=sorted(api_keys.SCOPES),
        help="admin opens the control routes; may be repeated",
    )
    create.add_argument(
        "--requests-per-minute", type=whole_number(1, 1_000_000), help="requests in a UTC minute (default: no limit)"
    )
    create.add_argument(
        "--expires-in-days", type=whole_number(1, 3650), help="days until the key ends (default: never)"
    )
    add_json(create)
    listing = actions.add_parser("list", help="list keys by their visible prefix")
    listing.add_argument("--team", help="only the keys of the team with this slug")
    add_json(listing)
    revoke = actions.add_parser("revoke", help="end a key for good; effective within a second")
    revoke.add_argument("prefix", metavar="PREFIX", help="visible prefix of the key, such as aco_1a2B3c4D")


def run(options: argparse.Namespace, console: Console) -> None:
    now = timezone.now()
    if options.action == "create":
        _create(options, now, console)
    elif options.action == "list":
        _list(options, now, console)
    else:
        _revoke(options, now, console)


def _create(options: argparse.Namespace, now: datetime, console: Console) -> None:
    issued = api_keys.issue(
        team=find_team(options.team),
        name=options.name,
        scopes=options.scope,
        requests_per_minute=options.requests_per_minute,
        expires_at=now + timedelta(days=options.expires_in_days) if options.expires_in_days else None,
    )
    if options.json:
        console.json({**_row(issued.api_key, now), "api_key": issued.secret})
        return
    console.line(f"API key of team {options.team}, shown only now:")
    console.line(f"  {issued.secret}")


def _list(options: argparse.Namespace, now: datetime, console: Console) -> None:
    keys = ApiKey.objects.select_related("team", "usage")
    if options.team:
        keys = keys.filter(team=find_team(options.team))
    rows = [_row(key, now) for key in keys]
    if options.json:
        console.json(rows)
    elif rows:
        console.table([name.replace("_", " ") for name in rows[0]], [tuple(row.values()) for row in rows])
    else:
        console.line("There are no keys yet. Create one: manage.py optimizer key create TEAM --name NAME")


def _revoke(options: argparse.Namespace, now: datetime, console: Console) -> None:
    key = find_key(options.prefix)
    if key.revoked_at is not None:
        raise CommandError(f"The key {key.prefix} was already revoked at {key.revoked_at:%Y-%m-%d %H:%M} UTC.")
    api_keys.revoke(key, now)
    console.line(f"The key {key.prefix} of team {key.team.slug} is revoked.")


def _row(key: ApiKey, now: datetime) -> dict[str, object]:
    usage = getattr(key, "usage", None)
    return {
        "prefix": key.prefix,
        "team": key.team.slug,
        "name": key.name,
        "state": _state(key, now),
        "scopes": ",".join(key.scopes) or None,
        "requests_per_minute": key.requests_per_minute,
        "expires_at": key.expires_at and f"{key.expires_at:%Y-%m-%d %H:%M}",
        "last_used_at": usage and f"{usage.last_used_at:%Y-%m-%d %H:%M}",
    }


def _state(key: ApiKey, now: datetime) -> str:
    if key.revoked_at is not None:
        return "revoked"
    if key.expires_at is not None and key.expires_at <= now:
        return "expired"
    return "active" if key.team.is_active else "team inactive"
