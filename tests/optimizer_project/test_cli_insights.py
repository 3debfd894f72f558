import json
from collections.abc import Callable

import pytest
import time_machine
from django.core.management.base import CommandError

from accounts.services import features
from insights.models import Review
from tests import factories
from tests.insights.reviewed_traffic import NOW, finding, overpowered, requests

pytestmark = pytest.mark.django_db
Run = Callable[..., str]


@pytest.fixture(autouse=True)
def at_noon():
    with time_machine.travel(NOW, tick=False):
        yield


def test_review_shows_what_was_found(optimizer: Run) -> None:
    overpowered(factories.team("builders"))

    shown = optimizer("review", "--team", "builders")

    assert "builders: 40 requests for 2.00 USD from 2026-02-26 until before 2026-03-05; 1 new findings" in shown
    assert "openai/gpt-small would answer code requests of openai/gpt-large for $8.33 a month less" in shown
    assert Review.objects.get().trigger == "command"


def test_review_of_all_teams_as_json(optimizer: Run) -> None:
    overpowered(factories.team("builders"))
    factories.team("others")

    found = json.loads(optimizer("review", "--json", "--days", "14"))

    assert [(one["review"]["team"], len(one["open_findings"])) for one in found] == [("builders", 1), ("others", 0)]


def test_review_without_teams_says_how_to_make_one(optimizer: Run) -> None:
    with pytest.raises(CommandError, match="team create"):
        optimizer("review")


def test_a_feature_that_is_off_is_named(optimizer: Run) -> None:
    factories.team("builders")
    for gate in ("cost_review", "roi"):
        features.disable(gate, actor="test", now=NOW)

    with pytest.raises(CommandError, match="Feature disabled: cost_review"):
        optimizer("review")
    with pytest.raises(CommandError, match="Feature disabled: roi"):
        optimizer("insights", "roi", "--team", "builders")


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("suggestions", "1. A cheaper model would do"),
        ("metrics", "realized by actions in force"),
        ("trends", "requests"),
        ("paths", "Send simple work to cheaper models"),
        ("roi", "hour_nano_usd = 60000000000: What an hour of a person costs"),
        ("report", "Week 2026-W09 of team builders"),
    ],
)
def test_insights_are_shown_and_given_as_json(optimizer: Run, what: str, expected: str) -> None:
    team = factories.team("builders")
    requests(team, 2)
    finding(team)

    assert expected in optimizer("insights", what, "--team", "builders")
    assert json.loads(optimizer("insights", what, "--team", "builders", "--json"))


def test_a_team_with_nothing_to_do_is_told_so(optimizer: Run) -> None:
    factories.team("builders")

    assert "Review the traffic first" in optimizer("insights", "suggestions", "--team", "builders")
    assert "no finding is open" in optimizer("insights", "paths", "--team", "builders")
