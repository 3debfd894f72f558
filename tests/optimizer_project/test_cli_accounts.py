import json
from collections.abc import Callable

import pytest
from django.core.management.base import CommandError

from accounts.models import ApiKey, Budget, Team
from accounts.services import api_keys

pytestmark = pytest.mark.django_db
Run = Callable[..., str]


def test_team_is_created_and_listed(optimizer: Run) -> None:
    optimizer("team", "create", "acme", "--name", "Acme Inc", "--cache-ttl-seconds", "60")
    assert json.loads(optimizer("team", "list", "--json")) == [
        {
            "slug": "acme",
            "name": "Acme Inc",
            "external_ref": None,
            "is_active": True,
            "baseline_model": None,
            "cache_ttl_seconds": 60,
            "prompt_retention_days": None,
            "min_quality": None,
            "upgrade_limit_percent": None,
            "keeps_embeddings": True,
            "learns_alone": False,
        }
    ]
    assert "acme  Acme Inc" in optimizer("team", "list")


def test_team_says_how_routing_learns_from_it(optimizer: Run) -> None:
    optimizer("team", "create", "acme", "--min-quality", "0.8", "--no-embeddings", "--learns-alone")
    team = Team.objects.get()
    assert (team.min_quality, team.keeps_embeddings, team.learns_alone) == (0.8, False, True)


def test_team_says_how_many_of_its_requests_may_be_upgraded(optimizer: Run) -> None:
    optimizer("team", "create", "acme", "--upgrade-limit-percent", "20")
    assert Team.objects.get().upgrade_limit_percent == 20

    with pytest.raises(CommandError, match="0 to 100"):
        optimizer("team", "create", "other", "--upgrade-limit-percent", "101")


@pytest.mark.parametrize("quality", ["1.1", "-0.1", "nan", "good"])
def test_quality_that_is_no_share_is_refused(optimizer: Run, quality: str) -> None:
    with pytest.raises(CommandError, match="from 0 to 1"):
        optimizer("team", "create", "acme", f"--min-quality={quality}")


def test_second_team_of_a_slug_is_refused(optimizer: Run) -> None:
    optimizer("team", "create", "acme")
    with pytest.raises(CommandError, match=r"'acme'.*choose another"):
        optimizer("team", "create", "acme")


def test_team_with_a_bad_slug_is_refused_by_field(optimizer: Run) -> None:
    with pytest.raises(CommandError, match="slug: Enter a valid"):
        optimizer("team", "create", "no spaces!")


def test_cache_longer_than_a_day_is_refused(optimizer: Run) -> None:
    with pytest.raises(CommandError, match="from 1 to 86400"):
        optimizer("team", "create", "acme", "--cache-ttl-seconds", "86401")


def test_empty_lists_say_how_to_begin(optimizer: Run) -> None:
    assert "team create" in optimizer("team", "list")
    assert "key create" in optimizer("key", "list")
    assert "budget set" in optimizer("budget", "list")


def test_created_key_is_shown_and_is_the_one_that_is_stored(optimizer: Run) -> None:
    optimizer("team", "create", "acme")
    secret = optimizer("key", "create", "acme", "--name", "ci", "--requests-per-minute", "30").splitlines()[1].strip()
    key = ApiKey.objects.get(team__slug="acme")
    assert key.key_hash == api_keys.hash_secret(secret)
    assert (key.name, key.requests_per_minute, key.scopes, key.expires_at) == ("ci", 30, [], None)


def test_key_list_shows_no_secret(optimizer: Run) -> None:
    optimizer("team", "create", "acme")
    created = json.loads(optimizer("key", "create", "acme", "--name", "ci", "--scope", "admin", "--json"))
    listed = optimizer("key", "list", "--team", "acme", "--json")
    assert created["api_key"] not in listed
    assert json.loads(listed)[0]["prefix"] == created["prefix"]
    assert (json.loads(listed)[0]["state"], json.loads(listed)[0]["scopes"]) == ("active", "admin")


def test_key_of_an_unknown_team_is_refused(optimizer: Run) -> None:
    with pytest.raises(CommandError, match=r"There is no team 'nobody'.*team list"):
        optimizer("key", "create", "nobody", "--name", "ci")


def test_unknown_scope_is_refused(optimizer: Run) -> None:
    with pytest.raises(CommandError, match="invalid choice: 'root'"):
        optimizer("key", "create", "acme", "--name", "ci", "--scope", "root")


def test_revoked_key_is_shown_as_such_and_not_revoked_twice(optimizer: Run) -> None:
    optimizer("team", "create", "acme")
    prefix = json.loads(optimizer("key", "create", "acme", "--name", "ci", "--json"))["prefix"]
    assert "is revoked" in optimizer("key", "revoke", prefix)
    assert json.loads(optimizer("key", "list", "--json"))[0]["state"] == "revoked"
    with pytest.raises(CommandError, match="already revoked"):
        optimizer("key", "revoke", prefix)


def test_revoking_an_unknown_key_is_refused(optimizer: Run) -> None:
    with pytest.raises(CommandError, match="No API keys have the prefix 'aco_none'"):
        optimizer("key", "revoke", "aco_none")


def test_budget_is_stored_to_the_nano_dollar(optimizer: Run) -> None:
    optimizer("team", "create", "acme")
    shown = optimizer("budget", "set", "acme", "25.000000001", "--period", "day", "--soft")
    assert shown == "The soft limit of team acme is 25.000000001 USD a day.\n"
    budget = Budget.objects.get(team=Team.objects.get(slug="acme"))
    assert (budget.limit_nano_usd, budget.period, budget.is_hard) == (25_000_000_001, "day", False)


def test_budget_of_a_key_is_listed_with_its_prefix(optimizer: Run) -> None:
    optimizer("team", "create", "acme")
    prefix = json.loads(optimizer("key", "create", "acme", "--name", "ci", "--json"))["prefix"]
    optimizer("budget", "set", "acme", "3", "--key", prefix)
    assert json.loads(optimizer("budget", "list", "--team", "acme", "--json")) == [
        {
            "team": "acme",
            "key": prefix,
            "period": "month",
            "kind": "hard",
            "limit_usd": "3.00",
            "spent_usd": "0.00",
            "reserved_usd": "0.00",
            "overrun_usd": "0.00",
        }
    ]


def test_budget_for_the_key_of_another_team_is_refused(optimizer: Run) -> None:
    optimizer("team", "create", "acme")
    optimizer("team", "create", "other")
    prefix = json.loads(optimizer("key", "create", "other", "--name", "ci", "--json"))["prefix"]
    with pytest.raises(CommandError, match="not one of the team acme"):
        optimizer("budget", "set", "acme", "3", "--key", prefix)


@pytest.mark.parametrize("amount", ["lots", "NaN", "Infinity"])
def test_amount_that_is_no_money_is_refused(optimizer: Run, amount: str) -> None:
    with pytest.raises(CommandError, match=amount):
        optimizer("budget", "set", "acme", amount)


def test_amount_beyond_what_is_stored_is_refused(optimizer: Run) -> None:
    optimizer("team", "create", "acme")
    with pytest.raises(CommandError, match="is not valid"):
        optimizer("budget", "set", "acme", "99999999999")
