import importlib.util
import logging
import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from routing.domain import prompt_encoder
from routing.domain.surface_features import FEATURES
from routing.models import PromptEmbedding
from routing.services import embeddings, retention
from routing.services.embeddings import NotedVector
from tests import factories

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
TEXTS = [
    "What is the capital of Norway?",
    "def f(x):\n    return x ** 2\n",
    "東京都は日本の首都です。 🦊 ünïcödé",
    "one " * 300,
]


# 2,000 different prompts, after which the process says by how much it grew.
PROMPTS = """
import pathlib, resource, sys
import django
django.setup()
from routing.services import embeddings

def taken():
    return int(pathlib.Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

embeddings.prepare()
if sys.argv[1] == "with a cache":
    embeddings._load().tokenizer.model._resize_cache(10_000)
embeddings.encode("Hello")
before = taken()
for number in range(2_000):
    embeddings.encode(f"What is the square root of {number}, and what of twice as much? Answer in one sentence.")
print(taken() - before)
"""


@pytest.fixture
def library_logging() -> Iterator[None]:
    """The library sets up logging when it is imported, which is why the product does not import it."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:], root.level = handlers, level


def noted(team_id: int, vector: np.ndarray | None = None) -> NotedVector:
    return NotedVector(str(uuid.uuid4()), team_id, embeddings.encode("hi") if vector is None else vector, NOW)


@pytest.mark.usefixtures("library_logging")
def test_embedding_is_what_the_library_computes() -> None:
    from wordllama import WordLlama

    # It looks for its tokenizer beside where the wheel has put it, and then in the folder given.
    [folder] = importlib.util.find_spec("wordllama").submodule_search_locations  # type: ignore[union-attr, misc]
    library = WordLlama.load(cache_dir=folder, disable_download=True)
    for text in TEXTS:
        own = embeddings.encode(text)[: prompt_encoder.EMBEDDING_DIMENSIONS]
        # The library pools in single precision in another order.
        assert own == pytest.approx(library.embed(text)[0], abs=1e-5)


@pytest.mark.parametrize("text", ["", " ", "\ud800", "\x00", "x" * 100_000, "🦊" * 5_000])
def test_every_text_has_a_finite_vector(text: str) -> None:
    vector = embeddings.encode(text)
    assert vector.shape == (prompt_encoder.DIMENSIONS,)
    assert vector.dtype == np.float32
    assert np.isfinite(vector).all()


def test_prompts_are_not_kept_in_memory() -> None:
    kept_bytes = [
        int(subprocess.run([sys.executable, "-c", PROMPTS, how], capture_output=True, text=True, check=True).stdout)
        for how in ("as it is", "with a cache")
    ]

    assert kept_bytes[0] < kept_bytes[1] / 2


def test_vector_ends_with_what_is_known_of_the_conversation() -> None:
    vector = embeddings.encode("Why?", turns=3, complexity_score=0.5)
    # The score, and log(1 + 2) for the two messages before.
    assert vector[-2:].tolist() == pytest.approx([0.5, 1.0986123])


def test_many_texts_are_encoded_as_each_is() -> None:
    found = embeddings.encode_many(TEXTS)
    assert found.tolist() == [embeddings.encode(text).tolist() for text in TEXTS]


def test_options_are_compared_by_their_own_tokens() -> None:
    alike = embeddings.encode("Which is it?\nA. a red apple\nB. a red apple")
    other = embeddings.encode("Which is it?\nA. a red apple\nB. 42 integrals")
    place = prompt_encoder.EMBEDDING_DIMENSIONS + FEATURES.index("options_alike")
    assert alike[place] == pytest.approx(1.0, abs=1e-3)
    assert other[place] < 0.7


@pytest.mark.django_db
def test_vectors_are_stored_with_their_expiry_and_read_back() -> None:
    one = noted(factories.team().id)
    embeddings.store([one])

    row = PromptEmbedding.objects.get()
    assert (row.team_id, row.encoder, row.created_at) == (one.team_id, prompt_encoder.ENCODER, NOW)
    assert row.expires_at == NOW + timedelta(days=7)
    kept = embeddings.vectors([uuid.UUID(one.request_id), uuid.uuid4()])
    # Half precision has eleven significant bits.
    assert kept == {uuid.UUID(one.request_id): pytest.approx(one.vector, rel=2**-11, abs=1e-7)}


@pytest.mark.django_db
def test_vector_of_a_request_is_stored_once() -> None:
    first = noted(factories.team().id)
    embeddings.store([first])
    embeddings.store([first, noted(first.team_id)])
    assert PromptEmbedding.objects.count() == 2


@pytest.mark.django_db
def test_vectors_of_another_encoder_are_not_read() -> None:
    one = noted(factories.team().id)
    embeddings.store([one])
    PromptEmbedding.objects.update(encoder="older")
    assert embeddings.vectors([uuid.UUID(one.request_id)]) == {}


@pytest.mark.django_db
def test_vectors_are_kept_longer_and_never_shorter() -> None:
    one, other = noted(factories.team().id), noted(factories.team().id)
    embeddings.store([one, other])
    request_id = uuid.UUID(one.request_id)
    assert embeddings.extend([request_id], NOW + timedelta(days=90)) == 1
    assert embeddings.extend([request_id], NOW + timedelta(days=30)) == 0
    expiries = set(PromptEmbedding.objects.values_list("expires_at", flat=True))
    assert expiries == {NOW + timedelta(days=90), NOW + timedelta(days=7)}


@pytest.mark.django_db
def test_expired_vectors_and_those_of_teams_that_keep_none_are_deleted() -> None:
    team, silent = factories.team(), factories.team(keeps_embeddings=False)
    expired, kept = noted(team.id), noted(team.id)
    embeddings.store([expired, kept, noted(silent.id)])
    PromptEmbedding.objects.filter(request_id=expired.request_id).update(expires_at=NOW)
    assert retention.delete_expired(now=NOW).prompt_embeddings == 2
    assert str(PromptEmbedding.objects.get().request_id) == kept.request_id
