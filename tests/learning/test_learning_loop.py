"""Ratings change where prompts go, and a rollback takes it back."""

from typing import Any

import pytest

from accounts.models import Team
from routing.domain.decision import Controls, RoutingDecision
from routing.services import decisions, policies, snapshot
from tests import factories
from tests.learning.rated_models import NOW, catalog, rate, retrain

pytestmark = pytest.mark.django_db

PROMPT = "Write a python function"


def decide(team: Team) -> RoutingDecision:
    """Return the decision that a prompt about code gets now, as a process that has just started would make it."""
    snapshot.reset()
    _, decision = decisions.preview(
        snapshot.current(),
        messages=[{"role": "user", "content": PROMPT}],
        strategy="hybrid",
        team_id=team.id,
        controls=Controls(),
    )
    return decision


def answered_by(team: Team) -> str:
    return decide(team).chosen.model.name


@pytest.fixture
def team() -> Team:
    """A team with a key, without which no process knows of it."""
    catalog()
    found = factories.team("builders")
    factories.api_key(found)
    return found


def with_key(**fields: Any) -> Team:
    found = factories.team(**fields)
    factories.api_key(found)
    return found


def test_good_ratings_move_a_pattern_and_a_rollback_restores_it(team: Team) -> None:
    rate(team, 10, served_model="gpt-small", quality_score=4)
    first = retrain()
    assert answered_by(team) == "gpt-small"
    rate(team, 12)
    retrain()

    learned = decide(team)
    assert (learned.chosen.model.name, learned.confidence) == ("gpt-large", "high")
    assert first.policy_version is not None
    policies.rollback(version=first.policy_version, team=None, actor="ann", reason="", now=NOW)

    assert answered_by(team) == "gpt-small"


def test_ten_unnamed_ratings_of_ten_requests_are_enough(team: Team) -> None:
    assert answered_by(team) == "gpt-small"
    rate(team, 10)
    retrain()

    decision = decide(team)

    assert (decision.chosen.model.name, decision.strategy) == ("gpt-large", "hybrid")
    assert decision.policy_version is not None


def test_poor_ratings_move_nothing(team: Team) -> None:
    rate(team, 20, quality_score=2, is_correct=False)
    retrain()

    assert answered_by(team) == "gpt-small"


def test_ten_thousand_ratings_of_one_person_are_five(team: Team) -> None:
    rate(team, 10_000, user_id="eve")
    report = retrain(dry_run=True)
    assert [change.sample_count for change in report.changes] == [5]
    # Five five-star ratings are of medium confidence; three poor ones of others outweigh them.
    rate(team, 3, quality_score=1)

    retrain()

    # (5·5 + 3·1) / 8 stars are no low quality by themselves, but people disagree: (5 + 3·1) / 4.
    assert answered_by(team) == "gpt-small"


def test_what_others_learn_does_not_reach_a_team_that_learns_alone(team: Team) -> None:
    alone = with_key(learns_alone=True)
    rate(team, 10)
    retrain()
    retrain(alone)

    assert (answered_by(team), answered_by(alone)) == ("gpt-large", "gpt-small")


def test_what_a_team_learns_alone_does_not_reach_others(team: Team) -> None:
    alone = with_key(learns_alone=True)
    rate(alone, 10)
    retrain()
    retrain(alone)

    assert (answered_by(team), answered_by(alone)) == ("gpt-small", "gpt-large")


def test_ratings_that_are_tied_to_no_request_of_their_team_move_nothing(team: Team) -> None:
    rate(team, 10, linked=False)
    retrain()

    assert answered_by(team) == "gpt-small"
