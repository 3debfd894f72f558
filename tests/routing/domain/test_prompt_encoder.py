import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.domain import prompt_encoder
from routing.domain.surface_features import FEATURES

WEIGHTS = np.arange(6, dtype=np.float16).reshape(3, 2)


def pooled(ids: list[int]) -> np.ndarray:
    return prompt_encoder.pooled(prompt_encoder.tokens(WEIGHTS, "", ids, [0] * len(ids)))


@pytest.mark.parametrize(
    ("token_ids", "mean"),
    [([], [0.0, 0.0]), ([1], [2.0, 3.0]), ([0, 2], [2.0, 3.0]), ([2, 2, 0], [8 / 3, 11 / 3])],
)
def test_tokens_are_pooled_to_the_mean_of_their_rows(token_ids: list[int], mean: list[float]) -> None:
    found = pooled(token_ids)
    assert found.dtype == np.float32
    assert found.tolist() == pytest.approx(mean)


def test_of_many_tokens_the_first_and_the_last_are_pooled() -> None:
    # 384 tokens of row 0 and 128 of row 2; the row 1 between them is left out.
    assert pooled([0] * 384 + [1] * 1_000 + [2] * 128).tolist() == [1.0, 2.0]


@pytest.mark.parametrize("text", ["", "short", "x" * 2_000, "é" * 1_000])
def test_text_of_up_to_two_thousand_bytes_is_taken_whole(text: str) -> None:
    assert prompt_encoder.excerpt(text) == text


def test_of_a_longer_text_the_beginning_and_the_end_are_taken() -> None:
    assert prompt_encoder.excerpt("a" * 3_000 + "z" * 600) == f"{'a' * 1_500}\n{'z' * 500}"
    # Three bytes a character: 500 fit into 1,500 bytes, 166 into 500.
    assert prompt_encoder.excerpt("東" * 1_000) == f"{'東' * 500}\n{'東' * 166}"


@given(st.text(st.characters(codec=None), max_size=3_000))
def test_excerpt_is_bounded_and_can_be_encoded(text: str) -> None:
    assert len(prompt_encoder.excerpt(text).encode()) <= 2_001


def test_vector_is_the_embedding_and_then_the_surface() -> None:
    weights = np.full((3, prompt_encoder.EMBEDDING_DIMENSIONS), 0.5, dtype=np.float16)
    tokens = prompt_encoder.tokens(weights, "Why?", [1, 2], [0, 3])
    vector = prompt_encoder.vector("Why?", tokens, turns=3, complexity_score=0.25)
    assert vector.shape == (prompt_encoder.DIMENSIONS,)
    assert vector.dtype == np.float32
    assert vector[:256].tolist() == [0.5] * 256
    assert vector[256 + FEATURES.index("complexity")] == 0.25


def test_complexity_is_computed_where_it_is_not_given() -> None:
    text = "Prove that the algorithm is optimal."
    weights = np.zeros((3, prompt_encoder.EMBEDDING_DIMENSIONS), dtype=np.float16)
    vector = prompt_encoder.vector(text, prompt_encoder.tokens(weights, text, [], []))
    assert vector[256 + FEATURES.index("complexity")] > 0.2


def test_kept_vector_is_little_endian_half_precision() -> None:
    assert prompt_encoder.to_bytes(np.array([1.0, -2.0], dtype=np.float32)) == bytes.fromhex("003c00c0")


@given(st.lists(st.floats(-60_000, 60_000, width=16), max_size=20))
def test_vector_that_half_precision_holds_comes_back_as_it_was(numbers: list[float]) -> None:
    vector = np.array(numbers, dtype=np.float32)
    kept = prompt_encoder.from_bytes(prompt_encoder.to_bytes(vector))
    assert kept.dtype == np.float32
    assert kept.tolist() == vector.tolist()
