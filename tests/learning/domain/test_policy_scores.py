"""Logged decisions laid out for the estimators, with odds given by hand."""

import pytest

from learning.domain import policy_scores
from tests.learning.logged_traffic import LARGE, SMALL, decision

BOTH = frozenset({SMALL, LARGE})


def score(decisions, *, logging, target, active=None, routable=BOTH):
    active = active or logging
    return policy_scores.score(
        decisions,
        logging=lambda _: logging,
        target=lambda _: target,
        active=lambda _: active,
        routable=routable,
    )


def log(count=200, share=0.5):
    """Return decisions of as many users, of which every other one went to the large model at twenty times the cost."""
    return [
        decision(
            user=f"user-{number}",
            chosen=LARGE if number % 2 else SMALL,
            propensity=share,
            reward=0.9 if number % 2 else 0.6,
            cost_nano_usd=2_000_000 if number % 2 else 100_000,
        )
        for number in range(count)
    ]


def test_outcomes_are_those_the_target_would_have_had() -> None:
    found = score(log(), logging={SMALL: 0.5, LARGE: 0.5}, target={SMALL: 0.8, LARGE: 0.2})

    quality, cost = (found.comparison.scores[kind] for kind in ("quality", "cost"))
    # 0.8 * 0.6 + 0.2 * 0.9 = 0.66 against 0.75; 0.8 * 0.0001 + 0.2 * 0.002 = 0.00048 against 0.00105 dollars.
    assert found.comparison.is_reliable
    assert quality.target["snips"].value == pytest.approx(0.66)
    assert quality.difference["snips"].value == pytest.approx(-0.09)
    assert cost.target["snips"].value == pytest.approx(0.00048)
    # The predictions of the five folds differ a little, and so does what they correct.
    assert quality.target["dr"].value == pytest.approx(0.66, abs=1e-4)
    assert cost.difference["dr"].value == pytest.approx(-0.00057, abs=1e-6)


def test_what_the_log_could_not_have_chosen_is_unsupported() -> None:
    decisions = [decision(user=f"user-{number}") for number in range(100)]

    found = score(decisions, logging={SMALL: 1.0, LARGE: 0.0}, target={SMALL: 0.25, LARGE: 0.75})

    assert found.comparison.overlap.unsupported_share == pytest.approx(0.75)
    assert not found.comparison.is_reliable


@pytest.mark.parametrize(
    ("odds", "reason"),
    [
        ({"logging": None, "target": {SMALL: 1.0}}, "the policy that decided cannot be read any more"),
        (
            {"logging": {SMALL: 0.9, LARGE: 0.1}, "target": {SMALL: 1.0}},
            "decided by something that is not kept, such as the model of a session",
        ),
        ({"logging": {SMALL: 1.0}, "target": None}, "the prompt's vector is not kept"),
        ({"logging": {SMALL: 1.0}, "target": {}}, "a policy would have refused the request"),
    ],
)
def test_decisions_that_cannot_be_made_again_are_left_out_and_counted(odds, reason) -> None:
    found = score([decision()], **odds, active={SMALL: 1.0})

    assert found.left_out == {reason: 1}
    assert found.comparison.reason == "There are no rated decisions to compare on."


def test_choices_that_are_no_longer_offered_and_users_without_a_name_are_told() -> None:
    decisions = [*log(2), decision(user="1:request:x", is_named_user=False, propensity=0.5), *log(1)]

    found = score(
        decisions, logging={SMALL: 0.5, LARGE: 0.5}, target={SMALL: 0.8, LARGE: 0.2}, routable=frozenset({SMALL})
    )

    assert (found.withdrawn_share, found.unnamed_share) == (pytest.approx(0.2), 0.25)


def test_models_without_a_price_of_their_own_cost_nothing() -> None:
    free = [decision(user=f"user-{number}", cost_nano_usd=0) for number in range(60)]

    found = score(free, logging={SMALL: 1.0}, target={SMALL: 1.0})

    assert found.comparison.scores["cost"].difference["dr"].value == 0.0
