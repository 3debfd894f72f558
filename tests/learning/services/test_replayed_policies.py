"""What stored policies would decide for logged requests, with a predictor and without."""

from dataclasses import replace

import numpy as np
import pytest

from learning.services import replayed_policies
from routing.domain import policy as policy_domain
from routing.domain.policy import Forecast
from routing.models import PolicyVersion
from tests.learning.logged_traffic import LARGE, OPTIONS, SMALL, Shares, activate, catalog, decision, document, publish

VECTOR = np.ones(4, dtype=np.float32)
NEVER_TRIES = Shares(0.0, 0.0)


class FakePredictor:
    """Expects the same of the small model on every prompt, and most of the large one."""

    encoder = "fake"
    model_names = (SMALL, LARGE)

    def __init__(self, small: float) -> None:
        self.small = small
        self.asked: list[tuple[np.ndarray, str | None, str | None, str]] = []

    def forecast(self, vector, *, text, task, pattern):
        self.asked.append((vector, text, task, pattern))
        return {SMALL: Forecast(self.small, self.small - 0.05), LARGE: Forecast(0.95, 0.9)}


def policy(predictor, *, version=3, **fields):
    found = policy_domain.parse(
        document(LARGE, NEVER_TRIES, quality_floor=0.7, **fields), version=version, team_id=None, predictor=predictor
    )
    return found


def test_a_predictor_is_asked_with_the_kept_vector() -> None:
    good, poor = FakePredictor(0.9), FakePredictor(0.5)
    logged = decision(vector=VECTOR)

    assert replayed_policies.decider(policy(good))(logged) == {SMALL: 1.0, LARGE: 0.0}
    assert replayed_policies.decider(policy(poor))(logged) == {SMALL: 0.0, LARGE: 1.0}
    assert good.asked == [(VECTOR, None, None, "code")]


def test_without_a_vector_nobody_knows_what_the_predictor_would_have_said() -> None:
    assert replayed_policies.decider(policy(FakePredictor(0.9)))(decision()) is None


def test_a_predictor_that_fails_leaves_the_decision_unknown() -> None:
    broken = FakePredictor(float("nan"))

    assert replayed_policies.decider(policy(broken, version=91))(decision(vector=VECTOR)) is None


def test_the_policy_that_decided_is_held_to_the_forecasts_it_had() -> None:
    predictor = FakePredictor(0.5)
    options = tuple(replace(option, forecast=Forecast(0.9, 0.85)) for option in OPTIONS)

    odds = replayed_policies.decider(policy(predictor))(decision(policy_version=3, options=options))

    assert odds == {SMALL: 1.0, LARGE: 0.0}
    assert predictor.asked == []


def test_a_policy_of_the_complexity_strategy_needs_no_vector() -> None:
    odds = replayed_policies.decider(policy(FakePredictor(0.9), strategy="complexity"))(decision())

    assert odds == {SMALL: 1.0, LARGE: 0.0}


def test_no_policy_is_the_complexity_strategy() -> None:
    assert replayed_policies.decider(None)(decision()) == {SMALL: 1.0, LARGE: 0.0}
    assert replayed_policies.logging_decider()(decision()) == {SMALL: 1.0, LARGE: 0.0}


@pytest.mark.django_db
def test_whoever_decided_is_asked_again_and_loaded_once(django_assert_num_queries) -> None:
    catalog()
    active = activate(publish(LARGE))
    logging = replayed_policies.logging_decider()
    logged = decision(policy_version=active.version)

    with django_assert_num_queries(1):
        first, second = logging(logged), logging(logged)

    assert first == second == pytest.approx({SMALL: 0.35, LARGE: 0.65})


@pytest.mark.django_db
def test_a_policy_that_is_gone_or_damaged_says_nothing(caplog) -> None:
    damaged = publish(LARGE)
    PolicyVersion.objects.filter(version=damaged.version).update(content_hash="0" * 64)
    logging = replayed_policies.logging_decider()

    assert logging(decision(policy_version=damaged.version)) is None
    assert logging(decision(policy_version=9999)) is None
    assert "left out of scoring" in caplog.text
