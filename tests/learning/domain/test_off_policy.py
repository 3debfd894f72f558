"""Estimators by hand, against other implementations, and by what must hold for every log."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from learning.domain import off_policy
from learning.domain.off_policy import Odds, Outcome

# Twelve decisions of five users among three actions, scored once by two published implementations; see below.
USERS = np.array([0, 0, 0, 1, 1, 2, 2, 2, 2, 3, 4, 4])
ACTIONS = np.array([0, 1, 0, 2, 0, 0, 1, 2, 0, 0, 2, 1])
PROPENSITIES = np.array([0.8, 0.1, 0.8, 0.1, 0.8, 0.5, 0.25, 0.25, 0.5, 0.8, 0.1, 0.1])
REWARDS = np.array([0.75, 0.5, 1.0, 0.25, 0.5, 1.0, 0.75, 0.0, 0.25, 1.0, 0.5, 0.75])
CONTEXTS = np.array([0, 0, 1, 1, 0, 2, 3, 3, 2, 0, 1, 0])
TARGET = np.array([[0.2, 0.7, 0.1], [0.6, 0.2, 0.2], [0.1, 0.1, 0.8], [0.3, 0.4, 0.3]])[CONTEXTS]
PREDICTED = np.array([[0.7, 0.6, 0.3], [0.8, 0.6, 0.4], [0.6, 0.5, 0.2], [0.6, 0.7, 0.1]])[CONTEXTS]


def compared(
    *, clusters=USERS, propensities=PROPENSITIES, target=None, active=None, observed=REWARDS, predicted=None, **options
):
    """Compare two policies whose outcomes are predicted to be ``predicted`` whatever they choose."""
    count = len(clusters)
    flat = np.zeros(count) if predicted is None else predicted
    return off_policy.compare(
        clusters=clusters,
        propensities=propensities,
        target=Odds(target, np.zeros(count)),
        active=Odds(propensities if active is None else active, np.zeros(count)),
        outcomes={"quality": Outcome(observed, flat, flat, flat)},
        **options,
    )


def small_log(**options):
    rows = np.arange(12)
    return off_policy.compare(
        clusters=USERS,
        propensities=PROPENSITIES,
        target=Odds(TARGET[rows, ACTIONS], np.zeros(12)),
        active=Odds(PROPENSITIES, np.zeros(12)),
        outcomes={
            "quality": Outcome(
                observed=REWARDS,
                predicted=PREDICTED[rows, ACTIONS],
                under_target=(TARGET * PREDICTED).sum(axis=1),
                under_active=np.zeros(12),
            )
        },
        **options,
    )


def many(count, *, share=0.5):
    """Return the parts of a log of ``count`` decisions by as many users, half of which the target would not repeat."""
    clusters = np.arange(count)
    propensities = np.full(count, 0.5)
    target = np.where(np.arange(count) % 2 == 0, share, 1.0 - share)
    return {"clusters": clusters, "propensities": propensities, "target": target, "observed": np.full(count, 0.5)}


def test_the_estimates_are_those_of_the_open_bandit_pipeline() -> None:
    # obp 0.4.1 (Apache License 2.0) on the arrays above: InverseProbabilityWeighting 1.084375,
    # SelfNormalizedInverseProbabilityWeighting 0.573237885462555, SelfNormalizedDoublyRobust 0.5604515418502203.
    target = small_log(is_clipped=False).scores["quality"].target

    assert target["ips"].value == pytest.approx(1.084375, abs=1e-12)
    assert target["snips"].value == pytest.approx(0.573237885462555, abs=1e-12)
    assert target["dr"].value == pytest.approx(0.5604515418502203, abs=1e-12)


def test_the_standard_error_is_near_the_cluster_robust_one_of_statsmodels() -> None:
    # statsmodels 0.15.0, WLS of the outcome on a constant with the weights, cov_type="cluster", on the same 241
    # decisions of 60 users: 0.58887428 with standard error 0.03328367. The jackknife is the more careful of the two.
    rng = np.random.default_rng(7)
    clusters = np.repeat(np.arange(60), 1 + rng.poisson(3, 60))
    effect = rng.normal(0, 0.2, 60)[clusters]
    propensities = np.where(rng.random(241) < 0.3, 0.2, 0.8)
    observed = np.clip(0.6 + effect + rng.normal(0, 0.2, 241), 0, 1)

    found = compared(clusters=clusters, propensities=propensities, target=np.full(241, 0.5), observed=observed)

    snips = found.scores["quality"].target["snips"]
    assert snips.value == pytest.approx(0.58887428, abs=1e-8)
    assert 1.0 < snips.standard_error / 0.03328367 < 1.02


def test_three_decisions_by_hand() -> None:
    # Weights 0.5 / 0.5 = 1, 0.9 / 0.3 = 3, 0.1 / 0.2 = 0.5: IPS (1 + 3 * 0 + 0.5 * 0.5) / 3 = 1.25 / 3, SNIPS
    # 1.25 / 4.5. Clipped at sqrt(3) * 1.5 = 2.598: SNIPS 1.25 / 4.0981.
    log = {
        "clusters": np.array([0, 1, 2]),
        "propensities": np.array([0.5, 0.3, 0.2]),
        "target": np.array([0.5, 0.9, 0.1]),
        "observed": np.array([1.0, 0.0, 0.5]),
    }

    as_is = compared(**log, is_clipped=False)
    clipped = compared(**log)

    assert as_is.scores["quality"].target["ips"].value == pytest.approx(1.25 / 3)
    assert as_is.scores["quality"].target["snips"].value == pytest.approx(1.25 / 4.5)
    assert clipped.scores["quality"].target["snips"].value == pytest.approx(1.25 / (1.5 + 3**0.5 * 1.5))
    assert clipped.overlap.clipping_limit == pytest.approx(3**0.5 * 1.5)
    assert clipped.overlap.clipped_share == pytest.approx(1 / 3)
    assert clipped.overlap.max_weight == pytest.approx(3.0)


def test_the_difference_is_of_the_same_decisions() -> None:
    found = small_log().scores["quality"]

    assert found.difference["snips"].value == pytest.approx(found.target["snips"].value - found.active["snips"].value)
    # The active policy is the one that logged: its weights are one, its estimate the mean of the rewards, 7.25 / 12.
    assert found.active["snips"].value == pytest.approx(7.25 / 12)


def test_a_policy_compared_with_itself_differs_by_nothing_and_surely_so() -> None:
    found = compared(**many(100), active=many(100)["target"])

    difference = found.scores["quality"].difference["dr"]
    assert found.is_reliable
    assert (difference.value, difference.low, difference.high) == (0.0, 0.0, 0.0)


def test_an_empty_log_says_nothing() -> None:
    found = compared(
        clusters=np.array([], dtype=int), propensities=np.array([]), target=np.array([]), observed=np.array([])
    )

    assert (found.is_reliable, found.reason, dict(found.scores)) == (
        False,
        "There are no rated decisions to compare on.",
        {},
    )


def test_a_policy_that_takes_none_of_the_logged_actions_has_no_estimate_of_its_own() -> None:
    log = {**many(100), "target": np.zeros(100)}

    found = compared(**log)

    assert not found.is_reliable
    assert "could have made only 0.0%" in found.reason
    assert found.scores["quality"].target["snips"] is None
    assert found.scores["quality"].difference["dr"] is None


@pytest.mark.parametrize(
    ("name", "changed", "message"),
    [
        ("propensities", [0.5, 0.0, 0.5], r"propensities\[1\] is .*0\.0.*in \(0, 1\]"),
        ("propensities", [0.5, 0.5, 1.5], r"propensities\[2\] is .*1\.5"),
        ("propensities", [float("nan"), 0.5, 0.5], r"propensities\[0\] is .*nan.*finite"),
        ("target", [0.5, 0.5, -0.1], r"target.logged\[2\] is .*-0\.1.*in \[0, 1\]"),
        ("observed", [0.5, float("inf"), 0.5], r"quality.observed\[1\] is .*inf.*finite"),
        ("observed", [0.5, 0.5], "quality.observed has 2 entries for 3 decisions"),
    ],
)
def test_what_is_no_log_is_refused_by_name_and_index(name, changed, message) -> None:
    log = {
        "clusters": np.array([0, 1, 2]),
        "propensities": np.full(3, 0.5),
        "target": np.full(3, 0.5),
        "observed": np.full(3, 0.5),
        name: np.array(changed),
    }

    with pytest.raises(ValueError, match=message):
        compared(**log)


logs = st.integers(2, 30).flatmap(
    lambda count: st.tuples(
        st.lists(st.floats(0.01, 1.0), min_size=count, max_size=count),
        st.lists(st.floats(0.01, 1.0), min_size=count, max_size=count),
        st.lists(st.floats(0.0, 1.0), min_size=count, max_size=count),
    )
)


@given(logs)
def test_where_the_target_decided_itself_every_estimate_is_the_sample_mean(log) -> None:
    propensities, _, observed = map(np.array, log)

    found = compared(
        clusters=np.arange(len(observed)), propensities=propensities, target=propensities, observed=observed
    )

    for estimator in off_policy.ESTIMATORS:
        assert found.scores["quality"].target[estimator].value == pytest.approx(observed.mean())


@given(logs)
def test_the_self_normalized_estimate_lies_within_the_range_of_the_outcomes(log) -> None:
    propensities, target, observed = map(np.array, log)

    found = compared(clusters=np.arange(len(observed)), propensities=propensities, target=target, observed=observed)

    value = found.scores["quality"].target["snips"].value
    assert observed.min() - 1e-9 <= value <= observed.max() + 1e-9


@given(logs, st.floats(0.1, 1.0))
def test_weights_of_another_scale_give_the_same_self_normalized_estimates(log, scale) -> None:
    propensities, target, observed = map(np.array, log)
    clusters = np.arange(len(observed)) // 2
    log = {"clusters": clusters, "propensities": propensities, "observed": observed, "predicted": observed.mean() / 2}
    log["predicted"] = np.full(len(observed), log["predicted"])

    one = compared(**log, target=target).scores["quality"].target
    other = compared(**log, target=target * scale).scores["quality"].target

    for estimator in ("snips", "dr"):
        assert other[estimator].value == pytest.approx(one[estimator].value)
