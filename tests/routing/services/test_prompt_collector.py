import uuid
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from routing.domain import prompt_encoder
from routing.models import PromptEmbedding
from routing.services import embeddings
from routing.services.prompt_collector import (
    ENCODED_AT_ONCE,
    ENCODED_PER_SECOND,
    MAX_WAITING,
    NotedPrompt,
    PromptCollector,
)
from tests import factories

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ZERO = np.zeros(prompt_encoder.DIMENSIONS, dtype=np.float32)


def offer(collector: PromptCollector, one: NotedPrompt, *, is_wanted: bool = False) -> None:
    if collector.takes(has_vector=one.vector is not None, is_wanted=is_wanted):
        collector.note(one)


def prompt(team_id: int = 1, **fields: Any) -> NotedPrompt:
    values = {"text": "Why?", "turns": 1, "complexity_score": 0.5, "noted_at": NOW, **fields}
    return NotedPrompt(str(uuid.uuid4()), team_id, **values)


@pytest.mark.django_db
def test_noted_prompts_are_encoded_and_stored_by_the_flush() -> None:
    collector, team = PromptCollector(), factories.team()
    noted = [prompt(team.id), prompt(team.id, turns=3)]
    for one in noted:
        offer(collector, one)

    assert (len(collector), collector.flush(), collector.flush(), len(collector)) == (2, 2, 0, 0)

    kept = embeddings.vectors([uuid.UUID(noted[1].request_id)])
    expected = embeddings.encode("Why?", turns=3, complexity_score=0.5)
    assert kept == {uuid.UUID(noted[1].request_id): pytest.approx(expected, rel=2**-11, abs=1e-7)}


def test_of_many_prompts_a_sample_is_taken_and_what_is_worth_most_always() -> None:
    collector = PromptCollector(lambda: 0.0)
    for _ in range(ENCODED_AT_ONCE + 5):
        offer(collector, prompt())
    offer(collector, prompt(), is_wanted=True)
    offer(collector, prompt(vector=ZERO))

    assert (len(collector), collector.skipped) == (ENCODED_AT_ONCE + 2, 5)


def test_room_in_the_sample_comes_back_with_time() -> None:
    passed = [0.0]
    collector = PromptCollector(lambda: passed[0])

    def taken(offered: int) -> int:
        before = len(collector)
        for _ in range(offered):
            offer(collector, prompt())
        return len(collector) - before

    assert taken(200) == ENCODED_AT_ONCE
    passed[0] += 2
    assert taken(200) == 2 * ENCODED_PER_SECOND
    passed[0] += 3600
    assert taken(200) == ENCODED_AT_ONCE


def test_prompts_beyond_what_can_wait_are_dropped_and_counted() -> None:
    collector = PromptCollector()
    for _ in range(MAX_WAITING + 3):
        offer(collector, prompt(vector=ZERO))

    assert (len(collector), collector.dropped) == (MAX_WAITING, 3)


@pytest.mark.django_db(transaction=True)
def test_prompts_of_a_team_that_is_gone_are_dropped_and_hold_nothing_up() -> None:
    collector = PromptCollector()
    offer(collector, prompt(10**6))

    assert (collector.flush(), collector.dropped, len(collector)) == (0, 1, 0)
    assert PromptEmbedding.objects.count() == 0
