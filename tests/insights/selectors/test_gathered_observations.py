"""What a review is given to look at, from rows of the ledger, ratings and experiments of one team."""

from datetime import date, timedelta

import pytest

from accounts.models import Team
from insights.domain.observations import (
    FirstChoice,
    LatencyChange,
    ModelDay,
    ModelPattern,
    Observations,
    OfferedModel,
    Ratings,
    TokenLimit,
)
from insights.selectors import observations
from learning.services.replay_prompts import LABEL_PREFIX
from tests import factories
from tests.insights.reviewed_traffic import YESTERDAY, catalog, ratings, requests

pytestmark = pytest.mark.django_db


def gather(team: Team) -> Observations:
    return observations.gather(team, date(2026, 2, 26), date(2026, 3, 5))


def test_traffic_is_added_up_by_model_pattern_and_who_chose() -> None:
    team = factories.team()
    rows = requests(team, 3, pattern="code", cost_nano_usd=7, confidence="low")
    requests(team, 1, pattern="code", strategy="named", requested_model="gpt-small")
    requests(team, 1, pattern="creative", is_unpriced=True, cost_nano_usd=None)
    factories.feedback(
        team,
        ledger_request_id=rows[0].request_id,
        requested_at=YESTERDAY,
        created_at=YESTERDAY,
        pattern="code",
    )

    found = {(part.pattern, part.is_routed): part for part in gather(team).traffic}

    ids = sorted(str(row.request_id) for row in rows)
    assert found["code", True] == ModelPattern(
        "openai/gpt-small", "code", True, 3, 3000, 600, 21, 3, 1, 0, (ids[0], ids[-1])
    )
    assert (found["code", False].requests, found["code", False].rated_requests) == (1, 0)
    assert (found["creative", True].unpriced_requests, found["creative", True].cost_nano_usd) == (1, 0)


@pytest.mark.parametrize(
    "fields",
    [
        {"is_simulated": True},
        {"is_embedded": True},
        {"is_cache_hit": True},
        {"state": "failed"},
        {"session_id": f"{LABEL_PREFIX}7"},
        {"created_at": YESTERDAY - timedelta(days=7)},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_what_no_real_model_answered_for_the_team_in_the_window_is_left_out(fields: dict[str, object]) -> None:
    team = factories.team()
    requests(team, 1, **fields)

    assert gather(team).traffic == ()


def test_another_teams_rows_are_nowhere() -> None:
    mine, other = factories.team(), factories.team()
    catalog()
    requests(other, 3, prompt_fingerprint="f" * 64, max_tokens=100, is_fallback=True, attempts=[{"provider": "a"}])
    ratings(other, 5)

    found = gather(mine)

    parts = ("traffic", "days", "first_choices", "latencies", "ratings", "repeated_prompts", "token_limits")
    assert [getattr(found, part) for part in parts] == [()] * 7


def test_a_failover_counts_against_the_model_that_was_asked_first() -> None:
    team = factories.team()
    requests(team, 4, served_model="gpt-large")
    rows = requests(
        team,
        1,
        is_fallback=True,
        attempts=[{"provider": "openai", "model": "gpt-large"}, {"provider": "openai", "model": "gpt-small"}],
    )

    assert gather(team).first_choices == (FirstChoice("openai/gpt-large", 5, 1, (str(rows[0].request_id),)),)


def test_days_and_latencies_are_those_of_the_rollups() -> None:
    team = factories.team()
    requests(team, 2, latency_ms=60, cost_nano_usd=5)
    requests(team, 1, latency_ms=20, created_at=YESTERDAY - timedelta(days=10), cost_nano_usd=3)

    found = gather(team)

    assert found.days == (
        ModelDay(date(2026, 2, 21), "openai/gpt-small", 1, 3),
        ModelDay(date(2026, 3, 3), "openai/gpt-small", 2, 10),
    )
    assert found.latencies == (LatencyChange("openai/gpt-small", 2, 60.0, 1, 20.0),)


def test_ratings_are_counted_as_learning_counts_them() -> None:
    team = factories.team()
    ratings(team, 2, quality_score=4, pattern="code", is_correct=None)
    ratings(team, 1, quality_score=2, pattern="code", is_correct=False)
    # Sixty of one person weigh as five.
    ratings(team, 60, pattern="creative", user_id="eve")

    found = {part.pattern: part for part in gather(team).ratings}

    # 4 + 4 + 2 stars, squared 16 + 16 + 4.
    assert found["code"] == Ratings("openai/gpt-small", "code", 3, 10, 36, 1, 0)
    assert found["creative"].count == 5


def test_only_real_models_that_can_be_reached_are_offered() -> None:
    catalog()
    factories.price(factories.language_model(factories.provider("toy", kind="simulated"), "toy"))
    factories.price(factories.language_model(factories.provider("away", needs_key=True), "away"))
    factories.language_model(factories.provider("free"), "unpriced")

    assert gather(factories.team()).offered == (
        OfferedModel("openai/gpt-large", 10_000_000_000, 30_000_000_000),
        OfferedModel("openai/gpt-small", 1_000_000_000, 2_000_000_000),
    )


def test_repeats_are_what_the_teams_cache_would_have_answered() -> None:
    team = factories.team(cache_ttl_seconds=2)
    # At 0, 1, 2, 3 and 4 seconds: 0 serves 1, 2 serves 3, and 4 is alone.
    rows = requests(team, 5, prompt_fingerprint="f" * 64, cost_nano_usd=10)
    requests(team, 2, prompt_fingerprint="e" * 64, experiment_id=3)

    found = gather(team)

    (repeated,) = found.repeated_prompts
    assert (repeated.requests, repeated.repeats, repeated.repeats_cost_nano_usd) == (5, 2, 20)
    assert repeated.example_request_ids == (str(rows[0].request_id), str(rows[1].request_id))
    assert found.is_cache_on


def test_requests_that_ask_for_something_else_do_not_repeat_each_other() -> None:
    team = factories.team()
    for limit in (100, 200):
        requests(team, 1, prompt_fingerprint="f" * 64, max_tokens=limit)

    assert gather(team).repeated_prompts == ()


def test_limits_tell_what_is_used_of_them() -> None:
    team = factories.team()
    held = [{"provider": "openai", "model": "gpt-small", "reserved_nano_usd": 9}]
    requests(team, 3, pattern="code", max_tokens=4000, output_tokens=50, attempts=held, cost_nano_usd=4)
    requests(team, 1, pattern="code", max_tokens=4000, output_tokens=60, finish_reason="length", cost_nano_usd=4)

    (limit,) = gather(team).token_limits

    # Of 50, 50, 50, 60 the 99th percentile lies 0.97 of the way from the third to the fourth: 59.7.
    assert limit == TokenLimit("openai/gpt-small", "code", 4000, 4, 60, 60, 1, 27, 16)


def test_the_number_of_queries_does_not_grow_with_traffic(django_assert_max_num_queries) -> None:
    team = factories.team()
    catalog()
    for pattern in ("code", "creative", "factual"):
        requests(team, 5, pattern=pattern, prompt_fingerprint="f" * 64, max_tokens=10)
        ratings(team, 5, pattern=pattern)

    with django_assert_max_num_queries(30):
        gather(team)
