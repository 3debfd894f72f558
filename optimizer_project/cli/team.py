"""Teams own keys, budgets and ledger rows."""

import argparse

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from accounts.models import Team
from accounts.services import teams
from optimizer_project.cli.arguments import add_json, share, whole_number
from optimizer_project.cli.console import Console

NAME = "team"
HELP = "create and list teams"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = actions.add_parser("create", help="create a team")
    create.add_argument("slug", help="short name in commands and addresses: letters, digits, hyphens")
    create.add_argument("--name", default="", help="name for people (default: the slug)")
    create.add_argument("--external-ref", help="unique reference elsewhere, such as the URL of the team's repository")
    create.add_argument(
        "--baseline-model", default="", help="model savings are measured against (default: the dearest of the top tier)"
    )
    create.add_argument(
        "--cache-ttl-seconds",
        type=whole_number(1, 86_400),
        help="reuse answers to equal requests this long, 1 to 86400 (default: no response cache)",
    )
    create.add_argument(
        "--prompt-retention-days",
        type=whole_number(1, 3650),
        help="keep prompts and answers, encrypted, this long (default: they are not kept)",
    )
    create.add_argument(
        "--min-quality", type=share, help="least expected quality, 0 to 1, where a request names none (default: none)"
    )
    create.add_argument(
        "--upgrade-limit-percent",
        type=whole_number(0, 100),
        help="of the team's routed requests, the share that may go to a dearer model than usual, 0 to 100 (default: "
        "that of UPGRADE_LIMIT_PERCENT)",
    )
    create.add_argument(
        "--no-embeddings",
        dest="keeps_embeddings",
        action="store_false",
        help="keep no numeric summary of prompts, so that routing learns less from this team (default: days)",
    )
    create.add_argument(
        "--learns-alone",
        action="store_true",
        help="learn from this team's ratings only, and keep them from the other teams (default: learn together)",
    )
    add_json(create)
    add_json(actions.add_parser("list", help="list all teams"))


def run(options: argparse.Namespace, console: Console) -> None:
    if options.action == "create":
        _create(options, console)
    else:
        _list(options, console)


def _create(options: argparse.Namespace, console: Console) -> None:
    try:
        team = teams.create(
            slug=options.slug,
            name=options.name,
            external_ref=options.external_ref,
            baseline_model=options.baseline_model,
            cache_ttl_seconds=options.cache_ttl_seconds,
            prompt_retention_days=options.prompt_retention_days,
            min_quality=options.min_quality,
            upgrade_limit_percent=options.upgrade_limit_percent,
            keeps_embeddings=options.keeps_embeddings,
            learns_alone=options.learns_alone,
        )
    except teams.TeamExists as error:
        raise CommandError(str(error)) from error
    except ValidationError as error:
        raise CommandError(
            "; ".join(f"{name}: {' '.join(texts)}" for name, texts in error.message_dict.items())
        ) from error
    if options.json:
        console.json(_row(team))
        return
    console.line(f"Team {team.slug} was created. Give it a key: manage.py optimizer key create {team.slug} --name NAME")


def _list(options: argparse.Namespace, console: Console) -> None:
    rows = [_row(team) for team in Team.objects.all()]
    if options.json:
        console.json(rows)
    elif rows:
        console.table([name.replace("_", " ") for name in rows[0]], [tuple(row.values()) for row in rows])
    else:
        console.line("There are no teams yet. Create one: manage.py optimizer team create SLUG")


def _row(team: Team) -> dict[str, object]:
    return {
        "slug": team.slug,
        "name": team.name,
        "external_ref": team.external_ref,
        "is_active": team.is_active,
        "baseline_model": team.baseline_model or None,
        "cache_ttl_seconds": team.cache_ttl_seconds,
        "prompt_retention_days": team.prompt_retention_days,
        "min_quality": team.min_quality,
        "upgrade_limit_percent": team.upgrade_limit_percent,
        "keeps_embeddings": team.keeps_embeddings,
        "learns_alone": team.learns_alone,
    }
