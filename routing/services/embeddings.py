"""Turns prompts into vectors, and keeps the vectors of routed prompts for learning.

The weights and the tokenizer come with the ``wordllama`` wheel and are read from its folder; the package itself, which
would bring its own logging and downloads, is not imported.
"""

import importlib.util
import json
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from itertools import islice
from pathlib import Path
from uuid import UUID

import numpy as np
from django.conf import settings
from django.db import transaction
from tokenizers import Tokenizer

from routing.domain import prompt_encoder
from routing.models import PromptEmbedding
from routing.services.writers_turn import writers_turn

BATCH_SIZE = 500
_loading = threading.Lock()


class EncoderMissing(Exception):
    """The files of the ``wordllama`` package are not installed."""


@dataclass(frozen=True, slots=True)
class _Encoder:
    tokenizer: Tokenizer
    weights: np.ndarray


@dataclass(frozen=True, slots=True)
class NotedVector:
    """The vector of one routed prompt, not yet stored."""

    request_id: str
    team_id: int
    vector: np.ndarray
    noted_at: datetime


def prepare() -> None:
    """Load the weights (16 MB), so that no request waits for that; raises EncoderMissing."""
    _encoder()


def encode(text: str, *, turns: int = 1, complexity_score: float | None = None) -> np.ndarray:
    """Return the vector of a prompt as float32 [``prompt_encoder.DIMENSIONS``].

    Takes about 0.4 ms for a prompt of 200 characters and 3 ms at most.

    Args:
        text: The last message of the user.
        turns: Messages of the user in the conversation so far, this one included.
        complexity_score: In [0, 1]; computed from the text where it is not known.

    Raises:
        EncoderMissing: The weights are not installed.
    """
    encoder = _encoder()
    excerpt = prompt_encoder.excerpt(text)
    encoding = encoder.tokenizer.encode(excerpt, add_special_tokens=False)
    starts = [start for start, _ in encoding.offsets]
    tokens = prompt_encoder.tokens(encoder.weights, excerpt, encoding.ids, starts)
    return prompt_encoder.vector(text, tokens, turns=turns, complexity_score=complexity_score)


def encode_many(texts: Sequence[str]) -> np.ndarray:
    """Return the vectors of prompts that each begin a conversation, float32 [texts, ``prompt_encoder.DIMENSIONS``].

    Raises:
        EncoderMissing: The weights are not installed.
    """
    found = np.zeros((len(texts), prompt_encoder.DIMENSIONS), dtype=np.float32)
    for place, text in enumerate(texts):
        found[place] = encode(text)
    return found


def store(noted: Iterable[NotedVector]) -> None:
    """Write vectors, each to expire ``EMBEDDING_DAYS`` after it was noted; one that is there already stays."""
    lifetime = timedelta(days=settings.EMBEDDING_DAYS)
    rows = [
        PromptEmbedding(
            request_id=vector.request_id,
            team_id=vector.team_id,
            encoder=prompt_encoder.ENCODER,
            vector=prompt_encoder.to_bytes(vector.vector),
            created_at=vector.noted_at,
            expires_at=vector.noted_at + lifetime,
        )
        for vector in noted
    ]
    with writers_turn(), transaction.atomic():
        PromptEmbedding.objects.bulk_create(rows, ignore_conflicts=True)


def vectors(request_ids: Iterable[UUID]) -> dict[UUID, np.ndarray]:
    """Return the vectors that are kept of these requests, as float32; those of another encoder are left out."""
    found: dict[UUID, np.ndarray] = {}
    for batch in _batches(request_ids):
        rows = PromptEmbedding.objects.filter(request_id__in=batch, encoder=prompt_encoder.ENCODER)
        for request_id, kept in rows.values_list("request_id", "vector"):
            found[request_id] = prompt_encoder.from_bytes(bytes(kept))
    return found


def extend(request_ids: Iterable[UUID], until: datetime) -> int:
    """Keep the vectors of these requests until then, if they would expire before; return how many that were."""
    return sum(
        PromptEmbedding.objects.filter(request_id__in=batch, expires_at__lt=until).update(expires_at=until)
        for batch in _batches(request_ids)
    )


def _batches(request_ids: Iterable[UUID]) -> Iterator[list[UUID]]:
    remaining = iter(request_ids)
    while batch := list(islice(remaining, BATCH_SIZE)):
        yield batch


def _encoder() -> _Encoder:
    with _loading:
        return _load()


@cache
def _load() -> _Encoder:
    spec = importlib.util.find_spec("wordllama")
    folders = spec.submodule_search_locations if spec is not None else None
    if not folders:
        raise EncoderMissing("The package wordllama is not installed: run `make install`.")
    folder = Path(folders[0])
    tokenizer = Tokenizer.from_file(str(folder / "tokenizers" / "l2_supercat_tokenizer_config.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    # Its cache holds whole prompts, for this vocabulary has no words: 30 MB of what nobody asks for again.
    tokenizer.model._resize_cache(0)
    return _Encoder(tokenizer, _mapped(folder / "weights" / "l2_supercat_256.safetensors", "embedding.weight"))


def _mapped(path: Path, name: str) -> np.ndarray:
    """Map a float16 matrix of a safetensors file into memory, where all processes share its 16 MB.

    The file begins with the length of its header, eight bytes, little-endian; the header is JSON and gives each
    tensor's shape and its offsets from the header's end (https://github.com/huggingface/safetensors, "Format").
    """
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        tensor = json.loads(file.read(length))[name]
    offset = 8 + length + tensor["data_offsets"][0]
    return np.memmap(path, dtype="<f2", mode="r", offset=offset, shape=tuple(tensor["shape"]))
