import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.metrics import cohen_kappa_score

from learning.domain.agreement import Agreement, agreement, level

LEVELS = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])


def test_no_pairs_say_nothing() -> None:
    assert agreement([]) == Agreement(0, None, None, None)


@pytest.mark.parametrize(
    ("pairs", "rate", "kappa", "rho"),
    [
        ([(0.0, 0.0), (0.5, 0.5), (1.0, 1.0)], 1.0, 1.0, 1.0),
        ([(0.0, 1.0), (1.0, 0.0)], 0.0, -1.0, -1.0),
        # One side that never varies agrees no better than chance, and has no order to correlate.
        ([(1.0, 0.0), (1.0, 1.0)], 0.5, 0.0, None),
    ],
)
def test_extremes_are_what_they_should_be(
    pairs: list[tuple[float, float]], rate: float, kappa: float, rho: float | None
) -> None:
    found = agreement(pairs)
    assert (found.pairs, found.rate) == (len(pairs), rate)
    assert found.quadratic_kappa == pytest.approx(kappa)
    assert found.spearman == (None if rho is None else pytest.approx(rho))


def test_levels_are_the_nearest_fifth() -> None:
    assert [level(quality) for quality in (0.0, 0.12, 0.125, 0.5, 0.9, 1.0)] == [0, 0, 1, 2, 4, 4]


@given(st.lists(st.tuples(LEVELS, LEVELS), min_size=3, max_size=40))
def test_figures_are_those_of_other_libraries(pairs: list[tuple[float, float]]) -> None:
    ours = agreement(pairs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # both warn where a side never varies
        kappa = cohen_kappa_score(
            [level(one) for one, _ in pairs],
            [level(other) for _, other in pairs],
            weights="quadratic",
            labels=range(5),
        )
        rho = spearmanr([one for one, _ in pairs], [other for _, other in pairs]).statistic
    nan = float("nan")
    assert (nan if ours.quadratic_kappa is None else ours.quadratic_kappa) == pytest.approx(kappa, nan_ok=True)
    assert (nan if ours.spearman is None else ours.spearman) == pytest.approx(rho, nan_ok=True)
