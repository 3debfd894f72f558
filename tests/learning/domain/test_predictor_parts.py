"""The parts of training, each against a derivation by hand or a second implementation."""

import numpy as np
import pytest

from learning.domain import blending, category_means, folds, forest, hierarchical_regression, prediction_error
from learning.domain.hierarchical_regression import Scales
from learning.domain.scale_search import CrossValidation, LogScales, first_scales
from learning.domain.training_set import OutcomeTable, tabulate
from tests.learning.domain.synthetic_outcomes import full, only


def table(quality: np.ndarray, weight: np.ndarray | None = None) -> OutcomeTable:
    weights = np.ones_like(quality) if weight is None else weight
    return OutcomeTable(quality, weights)


@pytest.mark.parametrize("is_complete", [True, False])
def test_posterior_is_that_of_the_whole_model_solved_at_once(is_complete: bool) -> None:
    rng = np.random.default_rng(0)
    rows, regressors, models = 40, 4, 3
    x = rng.normal(size=(rows, regressors))
    y = rng.normal(size=(rows, models))
    weight = np.ones((rows, models)) if is_complete else rng.integers(0, 3, (rows, models)).astype(float)
    scales = Scales(rng.uniform(0.2, 2, regressors), rng.uniform(0.2, 2, regressors))

    equations = hierarchical_regression.normal_equations(x, y, weight, is_complete=is_complete)
    mean = hierarchical_regression.posterior_mean(equations, scales)
    covariance = hierarchical_regression.posterior_covariances(equations, scales)

    # One regression on [u, v_1, v_2, v_3]: each outcome is x (u + v_m).
    design = np.zeros((rows, models, regressors * (models + 1)))
    for model in range(models):
        design[:, model, :regressors] = x
        design[:, model, regressors * (model + 1) : regressors * (model + 2)] = x
    flat = design.reshape(rows * models, -1)
    prior = np.concatenate([scales.common**-2, *[scales.own**-2] * models])
    inverse = np.linalg.inv(flat.T @ (weight.ravel()[:, None] * flat) + np.diag(prior))
    joint = inverse @ flat.T @ (weight * y).ravel()
    for model in range(models):
        total = np.zeros((regressors, len(joint)))
        total[:, :regressors] = np.eye(regressors)
        total[:, regressors * (model + 1) : regressors * (model + 2)] = np.eye(regressors)
        assert mean[:, model] == pytest.approx(total @ joint, abs=1e-10)
        assert covariance[0 if is_complete else model] == pytest.approx(total @ inverse @ total.T, abs=1e-10)


def test_category_means_are_shrunken_in_two_steps() -> None:
    category = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    quality = np.array([[1.0], [1.0], [0.0]])
    # Of the model: (2 + 10 · 2/3) / (3 + 10) = 2/3. Of the first category: (2 + 3 · 2/3) / (2 + 3) = 0.8;
    # of the second: (0 + 3 · 2/3) / (1 + 3) = 0.5.
    found = category_means.means(category, quality, np.ones((3, 1)), 3.0)
    assert found.ravel().tolist() == pytest.approx([0.8, 0.5, 2 / 3])


def test_out_of_fold_means_know_nothing_of_their_own_fold() -> None:
    quality = np.array([[0.0], [0.0], [1.0], [1.0]])
    found = category_means.out_of_fold(np.ones((4, 1)), table(quality), np.array([0, 0, 1, 1]), 3.0)
    assert found.ravel().tolist() == pytest.approx([1.0, 1.0, 0.0, 0.0])


def test_prompts_of_a_group_share_a_fold_and_folds_are_even() -> None:
    groups = [number // 2 for number in range(40)]
    found = folds.assign(groups, 5, rng=np.random.default_rng(0))
    assert (found[::2] == found[1::2]).all()
    assert np.bincount(found).tolist() == [8, 8, 8, 8, 8]


def test_error_is_relative_to_one_number_for_all() -> None:
    quality = np.random.default_rng(0).random((50, 3))
    outcomes = table(quality)
    level = float(quality.mean())
    # Nothing explained: 1 of the differences and 0.2 of the level. All explained: 0.
    assert prediction_error.relative(quality - level, outcomes, level) == pytest.approx(1.2)
    assert prediction_error.relative(np.zeros_like(quality), outcomes, level) == 0.0


def test_error_of_prompts_seen_with_one_model_is_of_the_level() -> None:
    weight = np.eye(3)[np.arange(60) % 3]
    quality = np.random.default_rng(0).random((60, 3)) * weight
    level = float(quality.sum() / 60)
    errors = quality - level
    errors[:, 1] *= 0.5
    seen = (weight * (quality - level) ** 2).sum(0)
    expected = (seen[0] + 0.25 * seen[1] + seen[2]) / seen.sum()
    assert prediction_error.relative(errors, table(quality, weight), level) == pytest.approx(expected)


def test_blend_is_of_what_predicts_best_once_there_is_evidence() -> None:
    rng = np.random.default_rng(0)
    good, bad = rng.normal(0, 0.1, (20_000, 2)), rng.normal(0, 1.0, (20_000, 2))
    found = blending.shares([bad, good], np.ones((20_000, 2)), prior=(0.5, 0.5))
    # All of the second by cross-validation, beside the prior, which counts as 8,000 prompts: (0 + 8,000 / 2) / 28,000.
    assert found.tolist() == pytest.approx([1 / 7, 6 / 7])


def test_blend_of_no_evidence_is_the_prior() -> None:
    found = blending.shares([np.zeros((2, 2))] * 2, np.ones((2, 2)), prior=(0.2, 0.6))
    assert found == pytest.approx([0.25, 0.75], abs=0.002)


def test_search_finds_which_block_matters() -> None:
    rng = np.random.default_rng(0)
    signal, noise = rng.normal(size=(400, 3)), rng.normal(size=(400, 30))
    quality = np.stack([signal[:, 0], -signal[:, 0]], axis=1) + rng.normal(0, 0.5, (400, 2))
    found = CrossValidation(
        [np.ones((400, 1)), signal, noise],
        table(quality),
        level=float(quality.mean()),
        folds=folds.assign(range(400), 5, rng=rng),
    )
    best, error = found.search(first_scales(3))
    assert error < found.error(first_scales(3))
    assert best.own[1] > best.own[2] + 1


def test_scales_do_not_leave_their_range() -> None:
    scales = LogScales((1.0, 3.0), (0.0, -6.0))
    assert scales.moved(1, 0.5) is None
    assert scales.moved(3, -0.5) is None
    assert scales.moved(1, -1.0) == LogScales((1.0, 2.0), (0.0, -6.0))


def test_forest_of_arrays_predicts_what_the_library_does() -> None:
    from sklearn.ensemble import ExtraTreesRegressor

    rng = np.random.default_rng(0)
    features = rng.normal(size=(300, 6)).astype(np.float32)
    quality = rng.random((300, 2))
    grown = forest.grow(features, quality, np.ones(300), seed=3)
    library = ExtraTreesRegressor(150, min_samples_leaf=20, max_features=0.33, random_state=3).fit(features, quality)
    unseen = rng.normal(size=(100, 6)).astype(np.float32)
    assert grown.predict(unseen) == pytest.approx(library.predict(unseen), abs=1e-5)


def test_repeated_outcomes_are_averaged_by_weight() -> None:
    training = only(full(60), np.arange(4))
    training.prompt_index[:] = 0
    training.model_index[:] = 1
    training.quality[:] = (0.0, 1.0, 1.0, 1.0)
    training.weight[:] = (3.0, 1.0, 1.0, 1.0)
    found = tabulate(training)
    assert found.quality[0].tolist() == [0.0, 0.5]
    assert found.weight[0].tolist() == [0.0, 6.0]
    assert not found.is_complete
