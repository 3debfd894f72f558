import json
import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.domain import array_archive, policy, predictor, predictor_format
from routing.domain.predictor import InvalidPredictor
from routing.domain.prompt_encoder import DIMENSIONS
from routing.domain.quality_predictor import QualityPredictor
from tests.routing.domain.small_predictor import CHEAP, STRONG, arrays, small_predictor

ZERO = np.zeros(DIMENSIONS, dtype=np.float32)


def with_arrays(**changes: np.ndarray | None) -> bytes:
    held = array_archive.unpack(predictor_format.write(small_predictor())) | changes
    return array_archive.pack({name: array for name, array in held.items() if array is not None})


def described(**changes: object) -> bytes:
    held = array_archive.unpack(predictor_format.write(small_predictor()))
    description = json.loads(held["description"].tobytes()) | changes
    return with_arrays(description=np.frombuffer(json.dumps(description).encode(), dtype=np.uint8))


def means(found: QualityPredictor, vector: np.ndarray = ZERO, *, text: str | None = None) -> list[float]:
    forecasts = found.forecast(vector, text=text, task="sums", pattern="code")
    return [forecasts[CHEAP].mean, forecasts[STRONG].mean]


def test_predictor_comes_back_as_it_was_written() -> None:
    content = predictor_format.write(small_predictor())
    found = predictor.load(content)
    assert predictor_format.write(found) == content
    rows = np.random.default_rng(0).normal(size=(9, DIMENSIONS)).astype(np.float32)
    asked: dict[str, Any] = {"texts": ["integrate"] * 9, "tasks": [None] * 9, "patterns": ["code"] * 9}
    for before, after in zip(
        small_predictor().forecast_many(rows, **asked), found.forecast_many(rows, **asked), strict=True
    ):
        assert before == pytest.approx(after)


def test_known_task_takes_its_means() -> None:
    assert means(small_predictor()) == pytest.approx([0.5, 0.8])


def test_without_a_known_category_all_prompts_together_count() -> None:
    found = replace(small_predictor(), guess=None)
    forecasts = found.forecast(ZERO, text=None, task="never seen", pattern="code")
    assert (forecasts[CHEAP].mean, forecasts[STRONG].mean) == pytest.approx((0.6, 0.7))


def test_lower_bound_is_half_a_deviation_below_the_mean() -> None:
    found = small_predictor()
    forecasts = found.forecast(ZERO, text="x", task="sums", pattern="code")
    # At the origin with the task: the constant, the task, and a text of none of the terms, -0.5 twice: 2.5 squared
    # regressors, each of variance 0.01² for the one model and 0.02² for the other.
    assert forecasts[CHEAP].lower == pytest.approx(0.5 - 0.5 * 0.01 * math.sqrt(2.5), abs=1e-6)
    assert forecasts[STRONG].lower == pytest.approx(0.8 - 0.5 * 0.02 * math.sqrt(2.5), abs=1e-6)


def test_text_that_is_not_known_makes_less_sure() -> None:
    found = small_predictor()
    known = found.forecast(ZERO, text="x", task="sums", pattern="code")
    unknown = found.forecast(ZERO, text=None, task="sums", pattern="code")
    # What the text would have moved has a variance of 0.25 for the strong model and none for the cheap one.
    assert unknown[STRONG].lower == pytest.approx(0.8 - 0.5 * math.sqrt(0.25 + 2 * 0.02**2), abs=1e-6)
    assert unknown[CHEAP].mean == known[CHEAP].mean


def test_linear_part_reads_words_and_vector() -> None:
    weights = small_predictor().linear.weights.copy()
    # The first direction of the embedding helps the strong model, the first of the text hurts the cheap one.
    weights[-4, 1], weights[-2, 0] = 0.1, -0.2
    linear = replace(small_predictor().linear, weights=weights)
    found = replace(small_predictor(), linear=linear, blend=np.array([0, 1, 0], dtype=np.float32))
    vector = ZERO.copy()
    vector[0] = 2.0
    # One known term of ten, of length 1: coordinate 1 less the mean 0.5.
    assert means(found, vector, text="integrate") == pytest.approx([0.5 - 0.2 * 0.5, 0.5 + 0.1 * 2])


def test_forest_reads_the_surface() -> None:
    found = replace(small_predictor(), blend=np.array([0, 0, 1], dtype=np.float32))
    vector = ZERO.copy()
    assert means(found, vector) == [0.25, 0.5]
    vector[256] = 1.0
    assert means(found, vector) == [0.75, 1.0]


def test_forest_is_told_what_the_linear_part_expects() -> None:
    small = small_predictor()
    assert small.forest is not None
    # Of two models: the category's means, how far each is from their mean, then the same of the linear part.
    forest = replace(small.forest, feature=np.array([4, 0, 0]), threshold=arrays(3, fill=0.6))
    found = replace(small, forest=forest, blend=np.array([0, 0, 1], dtype=np.float32))
    assert means(found) == [0.25, 0.5]
    assert means(replace(found, linear=replace(small.linear, level=0.7))) == [0.75, 1.0]


def test_means_beyond_the_range_are_cut_off() -> None:
    beyond = np.array([[-0.5, 1.5], [0, 0]], dtype=np.float32)
    assert means(replace(small_predictor(), category_means=beyond)) == [0.0, 1.0]


@given(
    text=st.none() | st.text(st.characters(codec=None), max_size=500),
    task=st.none() | st.text(max_size=5),
    scale=st.sampled_from([0.0, 1.0, 1e3, 6e4]),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_prompt_has_forecasts_to_decide_by(text: str | None, task: str | None, scale: float, seed: int) -> None:
    vector = (scale * np.random.default_rng(seed).normal(size=DIMENSIONS)).astype(np.float32)
    forecasts = LOADED.forecast(vector, text=text, task=task, pattern="code")
    assert forecasts.keys() == {CHEAP, STRONG}
    assert all(map(policy.is_sound, forecasts.values()))


LOADED = predictor.load(predictor_format.write(small_predictor()))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (lambda: b"", "no archive"),
        (lambda: predictor_format.write(small_predictor())[:-100], "no archive"),
        (lambda: described(format=1), "not of format 2"),
        (lambda: described(encoder=7), "how its vectors"),
        (lambda: described(model_names=[]), "knows no model"),
        (lambda: described(model_names=["a/b", "a/b"]), "one twice"),
        (lambda: described(model_names="ab"), "no list of names"),
        (lambda: described(model_names=["a/b", "a/c", "a/d"]), "shape"),
        (lambda: described(categories=[]), "shape"),
        (lambda: with_arrays(description=np.frombuffer(b"[" * 100_000, dtype=np.uint8)), "no description"),
        (lambda: with_arrays(description=None), "no description"),
        (lambda: with_arrays(weights=None), "lacks weights"),
        (lambda: with_arrays(weights=arrays(3, 2)), "weights has the shape"),
        (lambda: with_arrays(weights=np.ones((151, 2), dtype="<i4")), "weights has the shape"),
        (lambda: with_arrays(roots=arrays(3, 3, 3)), "roots has the shape"),
        (lambda: with_arrays(surface_mean=arrays(2)), "surface_mean has the shape"),
        (lambda: with_arrays(text_places=np.array([5, 5, 6], dtype="<i4")), "terms are not in order"),
        (lambda: with_arrays(text_places=np.array([5, 6, 70_000], dtype="<i4")), "terms are not in order"),
        (lambda: with_arrays(tree_feature=np.array([900, 0, 0], dtype="<i2")), "lead to nowhere"),
        (lambda: with_arrays(tree_children=np.full((3, 2), -1, dtype="<i4")), "lead to nowhere"),
        (lambda: with_arrays(tree_roots=np.array([3], dtype="<i4")), "lead to nowhere"),
        (lambda: with_arrays(tree_depth=np.array([10**9], dtype="<i4")), "lead to nowhere"),
        (lambda: with_arrays(blend=np.array([1.0, 1.0, -1.0], dtype="<f4")), "shares that sum to 1"),
        (lambda: with_arrays(blend=np.array([1.0, 1.0, 1.0], dtype="<f4")), "shares that sum to 1"),
        (lambda: with_arrays(roots=np.full_like(small_predictor().linear.roots, 1e38)), "what is no number"),
    ],
)
def test_anything_that_could_not_be_decided_by_is_refused(content: Callable[[], bytes], why: str) -> None:
    with pytest.raises(InvalidPredictor, match=why):
        predictor.load(content())


def test_many_forecasts_at_once_cost_less_each() -> None:
    rows = np.random.default_rng(0).normal(size=(200, DIMENSIONS)).astype(np.float32)
    asked: dict[str, Any] = {"texts": [None] * 200, "tasks": ["sums"] * 200, "patterns": ["code"] * 200}
    began = time.thread_time()
    LOADED.forecast_many(rows, **asked)
    together = time.thread_time() - began
    began = time.thread_time()
    for row in rows:
        LOADED.forecast(row, text=None, task="sums", pattern="code")
    assert time.thread_time() - began > together
