"""The action of a finding is shown, taken and taken back from the command line."""

import json
from collections.abc import Callable

import pytest
from django.core.management.base import CommandError

from accounts.models import Team
from accounts.services import features
from insights.models import AppliedAction, Finding, SuggestionFeedback
from tests import factories
from tests.insights.reviewed_traffic import NOW, finding

pytestmark = pytest.mark.django_db
Run = Callable[..., str]


@pytest.fixture
def suggested() -> Finding:
    action = {"kind": "enable_response_cache", "parameters": {}}
    return finding(factories.team("builders"), action=action, title="Answers repeat")


def cache_of_builders() -> int | None:
    return Team.objects.get(slug="builders").cache_ttl_seconds


def test_apply_shows_what_would_change_and_changes_nothing(optimizer: Run, suggested: Finding) -> None:
    shown = optimizer("apply", str(suggested.id))

    assert "builders: Answers repeat\nTurn the response cache on.\n  now    off\n" in shown
    assert "Nothing was changed. Add --yes to do it." in shown
    assert json.loads(optimizer("apply", str(suggested.id), "--json"))["before"] == "off"
    assert (cache_of_builders(), AppliedAction.objects.count()) == (None, 0)


def test_action_is_taken_once_as_an_accepted_suggestion_and_taken_back(optimizer: Run, suggested: Finding) -> None:
    shown = optimizer("apply", str(suggested.id), "--yes", "--reason", "Agreed on Monday.")

    applied = AppliedAction.objects.get()
    answer = SuggestionFeedback.objects.get()
    assert f"Take it back with: manage.py optimizer apply --revert {applied.id} --yes" in shown
    assert (answer.verdict, answer.reason, answer.actor) == ("accepted", "Agreed on Monday.", "command line")
    assert cache_of_builders() == 3600
    assert f"Action {applied.id} is in force since" in optimizer("apply", str(suggested.id), "--yes")
    assert "would be taken back" in optimizer("apply", "--revert", str(applied.id))
    assert cache_of_builders() == 3600
    assert "by command line." in optimizer("apply", "--revert", str(applied.id), "--yes")
    assert (cache_of_builders(), AppliedAction.objects.count()) == (None, 1)


def test_what_cannot_be_applied_is_refused(optimizer: Run) -> None:
    by_hand = finding(factories.team(), action=None)

    with pytest.raises(CommandError, match="no action that the product could take"):
        optimizer("apply", str(by_hand.id), "--yes")
    with pytest.raises(CommandError, match="There is no applied action 9"):
        optimizer("apply", "--revert", "9", "--yes")
    with pytest.raises(CommandError, match="is required"):
        optimizer("apply", "--yes")


def test_feature_that_is_off_is_named(optimizer: Run, suggested: Finding) -> None:
    features.disable("cost_review", actor="test", now=NOW)

    with pytest.raises(CommandError, match="Feature disabled: cost_review"):
        optimizer("apply", str(suggested.id), "--yes")
