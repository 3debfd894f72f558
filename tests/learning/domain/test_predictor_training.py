from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from learning.domain import predictor_training
from learning.domain.training_set import NotEnoughEvidence, TrainingSet
from routing.domain import predictor
from routing.domain.prompt_encoder import ENCODER
from routing.domain.quality_predictor import QualityPredictor
from tests.learning.domain.synthetic_outcomes import CHEAP, DECIDES, MODELS, STRONG, full, only, truth, vectors


def trained(training: TrainingSet) -> QualityPredictor:
    return predictor.load(predictor_training.fit(training, seed=0).content)


@cache
def from_full() -> predictor_training.TrainedPredictor:
    return predictor_training.fit(full(), seed=0)


def forecasts(found: QualityPredictor, rows: np.ndarray, task: str | None = "sums") -> tuple[np.ndarray, np.ndarray]:
    count = len(rows)
    return found.forecast_many(rows, texts=[None] * count, tasks=[task] * count, patterns=["general"] * count)


def extremes() -> np.ndarray:
    """Return an easy prompt and a hard one that are alike otherwise."""
    rows = np.repeat(vectors(1, seed=9), 2, axis=0)
    rows[:, DECIDES] = (-2.0, 2.0)
    return rows


def test_what_makes_a_model_fail_is_found() -> None:
    means, _ = forecasts(predictor.load(from_full().content), extremes())
    easy, hard = means
    # In truth 0.9 and 0.9, 0.2 and 0.9.
    assert easy[0] == pytest.approx(easy[1], abs=0.15)
    assert hard[1] - hard[0] > 0.3


def test_forecasts_of_unseen_prompts_are_nearer_the_truth_than_means() -> None:
    rows = vectors(400, seed=5)
    means, _ = forecasts(predictor.load(from_full().content), rows)
    # Means of the models, 0.55 and 0.9, miss by 0.35 on every prompt of the cheap one: 0.061 squared on average.
    assert np.square(means - truth(rows)).mean() < 0.045
    told = from_full().summary["held_out"]
    assert told["error"] < told["category_means_error"]


def test_what_served_alone_was_seen_is_learned_from_too() -> None:
    training = full()
    served = np.random.default_rng(2).integers(0, 2, 300)
    found = trained(only(training, training.model_index == served[training.prompt_index]))
    means, _ = forecasts(found, extremes())
    assert means[1, 1] - means[1, 0] > 0.2


def test_equal_evidence_gives_equal_bytes() -> None:
    assert predictor_training.fit(full(), seed=0).content == from_full().content


def test_scales_of_an_earlier_training_spare_the_search_and_change_nothing_on_equal_evidence() -> None:
    assert predictor_training.fit(full(), seed=0, scales=from_full().scales).content == from_full().content


def test_more_evidence_makes_surer() -> None:
    few = trained(full(40))
    rows = vectors(50, seed=6)
    assert forecasts(predictor.load(from_full().content), rows)[1].mean() < 0.7 * forecasts(few, rows)[1].mean()


def test_model_with_little_evidence_is_less_sure() -> None:
    training = full(90)
    found = trained(only(training, (training.model_index == 0) | (training.prompt_index < 5)))
    _, deviations = forecasts(found, vectors(50, seed=6))
    assert (deviations[:, 1] > 1.5 * deviations[:, 0]).all()


def test_weightless_evidence_counts_little() -> None:
    training = full(90)
    # All that was seen of the cheap model being bad is old.
    old = replace(training, weight=np.where((training.model_index == 0) & (training.quality == 0), 0.01, 1.0))
    means, _ = forecasts(trained(old), vectors(200, seed=7))
    assert means[:, 0].mean() > 0.8


def test_unknown_task_is_guessed_from_the_prompt() -> None:
    training = full()
    # Tasks that can be told from the vector, and each a model's own.
    is_sums = training.vectors[:, 4] > 0
    quality = (is_sums[training.prompt_index] == (training.model_index == 0)).astype(np.float64)
    tasks = ["sums" if each else "letters" for each in is_sums]
    found = trained(replace(training, tasks=tasks, quality=quality))
    rows = np.repeat(vectors(1, seed=9), 2, axis=0)
    rows[:, 4] = (-2.0, 2.0)
    for task in (None, "never seen"):
        means, _ = forecasts(found, rows, task)
        assert means[0, 1] > means[0, 0]
        assert means[1, 0] > means[1, 1]


def test_without_tasks_the_pattern_is_the_category() -> None:
    training = full()
    patterns = ["code" if number % 2 else "general" for number in range(300)]
    # The cheap model is good at code and the strong one at all else.
    quality = np.equal(training.prompt_index % 2 == 1, training.model_index == 0).astype(np.float64)
    found = trained(replace(training, tasks=[None] * 300, patterns=patterns, quality=quality))
    code = found.forecast(vectors(1)[0], text=None, task=None, pattern="code")
    other = found.forecast(vectors(1)[0], text=None, task=None, pattern="general")
    assert code[CHEAP].mean > code[STRONG].mean
    assert other[CHEAP].mean < other[STRONG].mean
    # Of a pattern that was never seen, all that is known is the models' means.
    unknown = found.forecast(vectors(1)[0], text=None, task=None, pattern="creative")
    assert 0.2 < unknown[CHEAP].mean < 0.8


def test_words_are_used_where_they_help_and_missing_ones_make_less_sure() -> None:
    rng = np.random.default_rng(0)
    hard = rng.random(120) < 0.5
    texts = [f"please {'integrate' if each else 'greet'} number{rng.integers(40)}" for each in hard]
    quality = np.where(np.repeat(hard, 2) & (np.tile([0, 1], 120) == 0), 0.0, 1.0)
    one = trained(full(120, texts=texts, quality=quality, tasks=[None] * 120))
    rows = vectors(1, seed=9)
    told = one.forecast(rows[0], text="please integrate number7", task=None, pattern="general")
    easy = one.forecast(rows[0], text="please greet number7", task=None, pattern="general")
    untold = one.forecast(rows[0], text=None, task=None, pattern="general")
    assert told[CHEAP].mean < untold[CHEAP].mean < easy[CHEAP].mean
    assert untold[CHEAP].mean - untold[CHEAP].lower > told[CHEAP].mean - told[CHEAP].lower


def test_predictor_says_how_it_was_made() -> None:
    found = predictor.load(from_full().content)
    assert (found.encoder, found.model_names) == (ENCODER, MODELS)
    assert from_full().summary["models"][CHEAP]["outcomes"] == 300
    assert sum(from_full().summary["blend"].values()) == pytest.approx(1.0, abs=0.01)


def test_features_that_never_vary_do_not_matter() -> None:
    found = predictor.load(from_full().content)
    rows = np.repeat(vectors(1, seed=9), 2, axis=0)
    rows[:, 300] = (0.0, 5.0)
    means, deviations = forecasts(found, rows)
    assert means[0].tolist() == means[1].tolist()
    assert deviations[0].tolist() == pytest.approx(deviations[1].tolist())


@pytest.mark.parametrize(
    ("training", "missing"),
    [
        (full(20), "40 outcomes of 20 prompts"),
        (replace(full(), model_names=(CHEAP,), model_index=np.zeros(600, dtype=int)), "Outcomes of 1 models"),
        (only(full(), np.arange(600) < 49), "49 outcomes of 300 prompts"),
    ],
)
def test_too_little_evidence_is_refused_by_name(training: TrainingSet, missing: str) -> None:
    with pytest.raises(NotEnoughEvidence, match=missing):
        predictor_training.fit(training, seed=0)


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="quality of a training set"):
        predictor_training.fit(full(quality=np.full(600, np.nan)), seed=0)
