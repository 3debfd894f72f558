"""Argument types and look-ups that several subcommands share."""

import argparse
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from django.core.management.base import CommandError

from accounts.models import ApiKey, Team


def usd(text: str) -> Decimal:
    """Parse a non-negative amount in US dollars."""
    try:
        amount = Decimal(text)
    except InvalidOperation as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no amount in US dollars, such as 25 or 0.50") from error
    if not amount.is_finite() or amount < 0:
        raise argparse.ArgumentTypeError(f"{text!r} must be zero or more")
    return amount


def whole_number(minimum: int, maximum: int) -> Callable[[str], int]:
    """Return a parser of whole numbers within the bounds."""

    def parse(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not minimum <= int(text) <= maximum:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {minimum} to {maximum}")
        return int(text)

    return parse


def share(text: str) -> float:
    """Parse a number in [0, 1]."""
    try:
        number = float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0 to 1, such as 0.8") from error
    # NaN compares false with everything, so it is refused as well.
    if not 0.0 <= number <= 1.0:
        raise argparse.ArgumentTypeError(f"{text!r} must be a number from 0 to 1")
    return number


def moment(text: str) -> datetime:
    """Parse a day or a time of ISO 8601; in UTC where it names no zone."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no time, such as 2026-03-01 or 2026-03-01T12:00:00+00:00"
        ) from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


port = whole_number(1, 65535)


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="write JSON instead of text")


def find_team(slug: str) -> Team:
    """Return the team, or raise CommandError naming how to list them."""
    try:
        return Team.objects.get(slug=slug)
    except Team.DoesNotExist as error:
        raise CommandError(f"There is no team {slug!r}. List them with: manage.py optimizer team list") from error


def find_scope(slug: str | None) -> Team | None:
    """Return the team whose own policy is meant, None for the shared one; raise CommandError for a team without one."""
    if slug is None:
        return None
    team = find_team(slug)
    if not team.learns_alone:
        raise CommandError(f"Team {slug!r} has no policy of its own, it shares one: leave out --team.")
    return team


def find_key(prefix: str) -> ApiKey:
    """Return the key with this visible prefix, or raise CommandError naming how to list them."""
    found = list(ApiKey.objects.filter(prefix=prefix).select_related("team"))
    if len(found) != 1:
        raise CommandError(
            f"{len(found) or 'No'} API keys have the prefix {prefix!r}. List them with: manage.py optimizer key list"
        )
    return found[0]
