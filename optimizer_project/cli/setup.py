"""Prepares the database: migrations, catalog, prices, and on first use a demo team with a key and a staff user.

Running it again changes nothing that is there. Credentials are shown once, by the run that made them. The staff user's
name, e-mail and password are taken from DJANGO_SUPERUSER_USERNAME, DJANGO_SUPERUSER_EMAIL and
DJANGO_SUPERUSER_PASSWORD where they are set; otherwise the name is admin and a password is made.
"""

import argparse
import os
import secrets
from dataclasses import asdict, dataclass

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.utils import timezone

from accounts.models import Team
from accounts.services import api_keys, teams
from optimizer_project.cli.arguments import add_json
from optimizer_project.cli.console import Console
from routing.services import catalog, prices

NAME = "setup"
HELP = "prepare the database, the catalog and, on first use, the credentials"
DEMO_TEAM = "demo"


@dataclass(frozen=True)
class NewCredentials:
    """What this run has made; None is what was there before. A password from the environment is None as well."""

    api_key: str | None = None
    username: str | None = None
    password: str | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--no-demo-team", action="store_true", help="make no demo team and no API key")
    add_json(parser)


def run(options: argparse.Namespace, console: Console) -> None:
    credentials = prepare(with_demo_team=not options.no_demo_team)
    if options.json:
        console.json(asdict(credentials))
        return
    console.line("The database, the catalog and the prices are up to date.")
    if credentials != NewCredentials():
        console.line()
        console.frame(describe(credentials))


def prepare(*, with_demo_team: bool) -> NewCredentials:
    """Bring everything up to date; safe to repeat."""
    call_command("migrate", interactive=False, verbosity=0)
    if not settings.SERVESTATIC_USE_FINDERS:
        call_command("collectstatic", interactive=False, verbosity=0)
    now = timezone.now()
    catalog.sync_catalog(now=now)
    prices.refresh_prices(now=now)
    api_key = _make_demo_team() if with_demo_team else None
    username, password = _make_staff_user()
    return NewCredentials(api_key, username, password)


def describe(credentials: NewCredentials) -> list[str]:
    """Return the lines that tell a person the new credentials."""
    lines = ["Shown only now:"]
    if credentials.api_key:
        lines.append(f"API key of team {DEMO_TEAM}: {credentials.api_key}")
    if credentials.username:
        password = credentials.password or "the one in DJANGO_SUPERUSER_PASSWORD"
        lines.append(f"Staff user: {credentials.username}, password: {password}")
    return lines


def _make_demo_team() -> str | None:
    if Team.objects.exists():
        return None
    team = teams.create(slug=DEMO_TEAM, name="Demo")
    return api_keys.issue(team=team, name="first key").secret


def _make_staff_user() -> tuple[str | None, str | None]:
    users = get_user_model()._default_manager
    if users.filter(is_superuser=True).exists():
        return None, None
    username = os.environ.get("DJANGO_SUPERUSER_USERNAME") or "admin"
    given = os.environ.get("DJANGO_SUPERUSER_PASSWORD")
    made = None if given else secrets.token_urlsafe(12)
    users.create_superuser(
        username=username, email=os.environ.get("DJANGO_SUPERUSER_EMAIL") or "", password=given or made
    )
    return username, made
