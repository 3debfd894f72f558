"""The jackknife against the estimate computed anew without each cluster, in plain Python."""

from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from learning.domain import cluster_jackknife
from learning.domain.cluster_jackknife import Term

observations = st.lists(
    st.tuples(st.integers(0, 5), st.floats(-5, 5), st.floats(0.1, 5)), min_size=2, max_size=40
).filter(lambda rows: len({cluster for cluster, _, _ in rows}) >= 2)


def estimated(terms, clusters):
    return cluster_jackknife.estimate(terms, clusters)


def arrays(rows):
    codes = {cluster: code for code, cluster in enumerate(sorted({cluster for cluster, _, _ in rows}))}
    clusters = np.array([codes[cluster] for cluster, _, _ in rows])
    return clusters, np.array([row[1] for row in rows]), np.array([row[2] for row in rows])


def without_each(rows):
    """Return the ratio and its error by leaving out one cluster after the other."""
    values = []
    names = sorted({cluster for cluster, _, _ in rows})
    for name in names:
        kept = [(numerator, denominator) for cluster, numerator, denominator in rows if cluster != name]
        values.append(sum(numerator for numerator, _ in kept) / sum(denominator for _, denominator in kept))
    mean = sum(values) / len(values)
    count = len(values)
    ratio = sum(row[1] for row in rows) / sum(row[2] for row in rows)
    return ratio, sqrt((count - 1) / count * sum((value - mean) ** 2 for value in values))


@given(observations)
def test_the_error_is_that_of_estimating_again_without_each_cluster(rows) -> None:
    clusters, numerators, denominators = arrays(rows)
    ratio, error = without_each(rows)

    found = estimated([Term(numerators, denominators)], clusters)

    assert found.value == pytest.approx(ratio, abs=1e-9)
    assert found.standard_error == pytest.approx(error, abs=1e-7)


def test_a_mean_of_independent_values_has_the_textbook_interval() -> None:
    # 1 to 5: mean 3, s = sqrt(2.5), error sqrt(0.5) = 0.70711; t(4; .975) = 2.776445 and t(4; .95) = 2.131847.
    found = estimated([Term(np.arange(1.0, 6.0), np.ones(5))], np.arange(5))

    assert found.value == 3.0
    assert found.standard_error == pytest.approx(0.5**0.5)
    assert found.degrees_of_freedom == 4.0
    assert (found.low, found.high) == (
        pytest.approx(3 - 2.776445 * 0.5**0.5, abs=1e-6),
        pytest.approx(3 + 2.776445 * 0.5**0.5, abs=1e-6),
    )
    assert (found.at_least, found.at_most) == (
        pytest.approx(3 - 2.131847 * 0.5**0.5, abs=1e-6),
        pytest.approx(3 + 2.131847 * 0.5**0.5, abs=1e-6),
    )


def test_answers_of_one_user_given_twice_do_not_narrow_the_interval() -> None:
    values = np.arange(1.0, 6.0)

    once = estimated([Term(values, np.ones(5))], np.arange(5))
    twice = estimated([Term(np.repeat(values, 2), np.ones(10))], np.repeat(np.arange(5), 2))

    assert twice.standard_error == pytest.approx(once.standard_error)


def test_a_single_cluster_has_no_interval() -> None:
    found = estimated([Term(np.ones(3), np.ones(3))], np.zeros(3, dtype=int))

    assert (found.value, found.standard_error, found.low, found.at_most) == (1.0, None, None, None)


def test_a_cluster_that_holds_the_whole_denominator_has_no_interval() -> None:
    found = estimated([Term(np.array([1.0, 0.0]), np.array([1.0, 0.0]))], np.arange(2))

    assert (found.value, found.standard_error) == (1.0, None)


def test_a_denominator_of_nothing_has_no_estimate() -> None:
    assert cluster_jackknife.estimate([Term(np.ones(2), np.zeros(2))], np.arange(2)) is None


def test_unequal_clusters_have_fewer_degrees_of_freedom() -> None:
    # Sizes 8, 1, 1: (10)^2 / (64 + 1 + 1) = 1.515, less one, at least one.
    clusters = np.array([0] * 8 + [1, 2])

    assert cluster_jackknife.effective_number(np.array([8.0, 1.0, 1.0])) == pytest.approx(100 / 66)
    assert estimated([Term(np.ones(10), np.ones(10))], clusters).degrees_of_freedom == 1.0


def test_tiny_weights_count_like_any_others() -> None:
    assert cluster_jackknife.effective_number(np.full(7, 1e-200)) == pytest.approx(7.0)
