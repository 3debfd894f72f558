"""When a log says too little of a policy to be asked."""

from dataclasses import replace

import numpy as np
import pytest

from learning.domain import overlap
from learning.domain.off_policy import Odds


def measured(target, active=None, *, users=None, propensities=0.5, unsupported=0.0, unsupported_active=0.0):
    target = np.asarray(target, dtype=float)
    count = len(target)
    active = np.full(count, propensities) if active is None else np.asarray(active, dtype=float)
    return overlap.measure(
        np.arange(count) if users is None else users,
        target_weights=target / propensities,
        active_weights=active / propensities,
        target=Odds(target, np.full(count, unsupported)),
        active=Odds(active, np.full(count, unsupported_active)),
    )


def alternating(count, high=0.8, low=0.2):
    return np.where(np.arange(count) % 2 == 0, high, low)


def test_a_log_in_which_both_policies_are_seen_often_can_speak() -> None:
    # Weights 1.6 and 0.4 in turn: (200 * 1.0)^2 / (100 * 2.56 + 100 * 0.16) = 40000 / 272 = 147.06; they differ from
    # the active policy's by +0.6 and -0.6, a hundred times each.
    found = measured(alternating(200))

    assert overlap.doubt(found) is None
    assert found.effective_decisions == pytest.approx(147.0588, abs=1e-4)
    assert found.effective_clusters == pytest.approx(147.0588, abs=1e-4)
    assert (found.contrast_decisions, found.contrast_clusters) == (pytest.approx(100), pytest.approx(100))
    assert (found.mean_weight, found.max_weight, found.clipped_share) == (pytest.approx(1.0), pytest.approx(1.6), 0.0)


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ({"target": np.r_[np.full(5, 0.5), np.zeros(95)]}, "could have made only 5.0%"),
        ({"target": alternating(200), "unsupported": 0.2}, "was never tried where it would choose it"),
        # (49 * 1)^2 / 49 = 49
        ({"target": np.full(49, 0.5)}, "49 decisions weigh as 49.0"),
        ({"target": alternating(200), "users": np.arange(200) // 25}, "of 8 users, who weigh as 8.0"),
        # Twenty decisions that the target makes more often.
        ({"target": np.r_[np.full(20, 0.9), np.full(180, 0.45)]}, "weighs as 20.0 decisions"),
        (
            {
                "target": np.r_[np.full(40, 0.9), np.full(160, 0.4)],
                "users": np.r_[np.arange(40) // 10, np.arange(160) % 50 + 4],
            },
            "where the two policies differ, the log weighs as 4.0 users",
        ),
        ({"target": alternating(200, high=0.8, low=0.4)}, "weights average 1.20, +0.20 off"),
    ],
)
def test_a_log_that_says_too_little_is_not_believed_and_says_why(log, words) -> None:
    assert words.lower() in (overlap.doubt(measured(**log)) or "").lower()


def test_weight_that_clipping_takes_away_is_counted() -> None:
    # 400 weights of 1 and one of 400 * 0.1: limit sqrt(n) times the mean, so that the large one is cut.
    weights = np.r_[np.full(400, 1.0), 40.0]
    limit = 401**0.5 * 440 / 401

    assert overlap.clipping_limit(weights) == pytest.approx(limit)
    assert overlap.clip(weights).max() == pytest.approx(limit)
    assert overlap.clip(weights).sum() == pytest.approx(400 + limit)


def test_too_much_weight_clipped_is_a_doubt() -> None:
    found = replace(measured(alternating(200)), clipped_mass=0.051)

    assert overlap.doubt(found) == "Clipping takes 5.1% of the evidence's weight; 5% is allowed."


def test_choices_that_neither_policy_could_be_seen_making_do_not_count_against_the_target() -> None:
    # Weights 1.3 and 0.3 average 0.8, which is what a target gives that makes a fifth of its choices unseen.
    log = alternating(200, high=0.65, low=0.15)

    assert overlap.doubt(measured(log, unsupported=0.2, unsupported_active=0.2)) is None


def test_policies_that_decide_alike_are_at_no_loss_for_contrast() -> None:
    found = measured(np.full(100, 0.5))

    assert found.contrast_decisions == float("inf")
    assert overlap.doubt(found) is None
