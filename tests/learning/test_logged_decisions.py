"""Which rated decisions are scored, and what of each."""

from datetime import timedelta

import numpy as np
import pytest

from feedback.models import ResponseFeedback
from learning.selectors import logged_decisions
from routing.domain import prompt_encoder
from routing.models import LedgerEntry
from routing.services import embeddings
from routing.services.embeddings import NotedVector
from tests import factories
from tests.learning.logged_traffic import LARGE, NOW, SMALL, activate, catalog, publish, write

pytestmark = pytest.mark.django_db


@pytest.fixture
def team():
    catalog()
    return factories.team("builders")


@pytest.fixture
def policy(team):
    return activate(publish(LARGE))


def stream(team=None, *, since=NOW - timedelta(days=90), until=NOW):
    return list(logged_decisions.stream(team=team, since=since, until=until))


def written(team, policy, *, users=1, each=1, **fields):
    write(team, policy, users=users, each=each, reward={SMALL: 0.8, LARGE: 0.8}, **fields)


def test_a_decision_comes_with_what_the_ledger_kept(team, policy) -> None:
    written(team, policy, task="sql", complexity_score=0.4)
    entry = LedgerEntry.objects.get()

    [found] = stream()

    assert (found.request_id, found.policy_version, found.strategy) == (entry.request_id, policy.version, "")
    assert (found.user, found.is_named_user) == (f"{team.id}:user:user-0", True)
    assert (found.features.pattern, found.features.task, found.features.complexity_score) == ("code", "sql", 0.4)
    assert [option.full_name for option in found.options] == [SMALL, LARGE]
    assert found.chosen == f"{entry.provider}/{entry.served_model}"
    assert (found.propensity, found.cost_nano_usd) == (entry.propensity, entry.cost_nano_usd)
    assert found.reward == ResponseFeedback.objects.get().reward
    assert found.vector is None


@pytest.mark.parametrize(
    "fields",
    [
        {"requested_model": "openai/gpt-large"},
        {"requested_model": "auto:complexity"},
        {"is_cache_hit": True},
        {"cost_nano_usd": None},
        {"candidates": []},
        {"candidates": [{"model": SMALL, "tier": "simple", "expected_cost_usd": None, "expected_quality": 0.7}]},
    ],
)
def test_what_no_policy_decided_or_nobody_can_price_is_left_out(team, policy, fields) -> None:
    written(team, policy, **fields)

    assert stream() == []


@pytest.mark.parametrize(("asked", "strategy"), [("auto:learning", "learning"), ("auto:hybrid", "hybrid")])
def test_a_strategy_asked_for_is_told(team, policy, asked, strategy) -> None:
    written(team, policy, requested_model=asked)

    assert [found.strategy for found in stream()] == [strategy]


def test_a_fallback_counts_as_the_choice_of_what_was_asked_first(team, policy) -> None:
    written(
        team,
        policy,
        is_fallback=True,
        attempts=[{"provider": "openai", "model": "gpt-large"}, {"provider": "openai", "model": "gpt-small"}],
        served_model="gpt-small",
    )

    assert [found.chosen for found in stream()] == [LARGE]


def test_ratings_of_one_request_by_two_people_are_one_decision(team, policy) -> None:
    written(team, policy)
    first = ResponseFeedback.objects.get()
    ResponseFeedback.objects.filter(pk=first.pk).update(reward=0.4)
    factories.feedback(
        team,
        ledger_request_id=first.ledger_request_id,
        requested_at=first.requested_at,
        created_at=first.created_at,
        pattern="code",
        user_id="grace",
        reward=0.8,
    )

    assert [found.reward for found in stream()] == [pytest.approx(0.6)]


def test_a_person_weighs_as_five_requests_of_a_pattern_and_week_whatever_model_answered(team, policy) -> None:
    # By model, five of each would count, and the rarer model would look as if it were chosen half of the time.
    written(team, policy, each=40)

    assert len(stream()) == 5


def test_without_a_name_the_session_or_the_request_stands_for_the_person(team, policy) -> None:
    written(team, policy, each=2, user_id=None)
    ResponseFeedback.objects.update(user_id=None)
    in_session, other = LedgerEntry.objects.order_by("request_id")
    LedgerEntry.objects.filter(pk=in_session.pk).update(session_id="chat-1")

    found = {decision.request_id: (decision.user, decision.is_named_user) for decision in stream()}

    assert found == {
        in_session.request_id: (f"{team.id}:session:chat-1", False),
        other.request_id: (f"{team.id}:request:{other.request_id}", False),
    }


def test_forecasts_that_were_decided_by_are_told(team, policy) -> None:
    forecast = {"model": SMALL, "tier": "simple", "expected_cost_usd": "0.0001", "expected_quality": 0.75}
    written(
        team,
        policy,
        candidates=[{**forecast, "quality_lower": 0.7}, {**forecast, "model": LARGE, "tier": "moderate"}],
    )

    [found] = stream()

    assert {name: (told.mean, told.lower) for name, told in found.logged_forecasts.items()} == {SMALL: (0.75, 0.7)}


def test_the_prompts_vector_comes_along_where_it_is_kept(team, policy) -> None:
    written(team, policy)
    vector = np.full(prompt_encoder.DIMENSIONS, 0.5, dtype=np.float32)
    embeddings.store([NotedVector(str(LedgerEntry.objects.get().request_id), team.id, vector, NOW)])

    [found] = stream()

    assert np.array_equal(found.vector, vector)


def test_the_scope_and_the_window_are_kept(team, policy) -> None:
    alone = factories.team("soloists", learns_alone=True)
    written(team, policy)
    written(alone, policy, users=2)

    assert (len(stream()), len(stream(alone)), len(stream(since=NOW - timedelta(days=1)))) == (1, 2, 0)


def test_a_long_log_is_read_in_chunks_newest_first(team, policy, django_assert_max_num_queries) -> None:
    written(team, policy, users=150, each=5)
    LedgerEntry.objects.filter(user_id="user-7").update(created_at=NOW - timedelta(days=1))
    ResponseFeedback.objects.filter(user_id="user-7").update(
        requested_at=NOW - timedelta(days=1), created_at=NOW - timedelta(hours=23)
    )

    with django_assert_max_num_queries(5):
        found = stream()

    assert len(found) == 750
    assert {decision.user for decision in found[:5]} == {f"{team.id}:user:user-7"}
