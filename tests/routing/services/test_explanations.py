from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
import pytest

from accounts.services import encryption
from routing.domain import prompt_encoder
from routing.domain.policy import Forecast
from routing.models import LedgerEntry, StoredPrompt
from routing.services import embeddings, explanations
from routing.services.embeddings import NotedVector
from routing.services.explanations import Alternative
from tests import factories
from tests.factories import NOON
from tests.routing.domain.learned import KnownForecasts, policy

pytestmark = pytest.mark.django_db

PROMPT = "Sort a list"
FORECASTS = {"b/cheap": Forecast(0.6, 0.5), "a/simple": Forecast(0.9, 0.88)}


@dataclass(frozen=True)
class Listening(KnownForecasts):
    """A predictor that remembers what it was asked."""

    asked: list[tuple[list[float], str | None, str | None, str]] = field(default_factory=list)

    def forecast(
        self, vector: np.ndarray, *, text: str | None, task: str | None, pattern: str
    ) -> Mapping[str, Forecast]:
        self.asked.append((vector.tolist(), text, task, pattern))
        return self.forecasts


def entry(**fields: Any) -> LedgerEntry:
    candidates = [
        {"model": "b/cheap", "tier": "simple", "expected_cost_usd": "0.0004", "expected_quality": 0.7},
        {"model": "a/simple", "tier": "simple", "expected_cost_usd": "0.0016", "expected_quality": 0.7},
    ]
    values = {"strategy": "learning", "pattern": "code", "task": "review", "candidates": candidates, **fields}
    return factories.ledger_entry(factories.team(), requested_model="auto:learning", **values)


def keep_text(row: LedgerEntry, *, purpose: str = "stored-prompt") -> None:
    document = orjson.dumps({"messages": [{"role": "user", "content": PROMPT}], "answer": ""})
    body = encryption.encrypt(document, purpose=purpose)
    StoredPrompt.objects.create(
        request_id=row.request_id, team=row.team, encrypted_body=body, created_at=NOON, expires_at=NOON
    )


def keep_vector(row: LedgerEntry) -> list[float]:
    embeddings.store([NotedVector(str(row.request_id), row.team_id, embeddings.encode(PROMPT), NOON)])
    kept: list[float] = embeddings.vectors([row.request_id])[row.request_id].tolist()
    return kept


def replay(row: LedgerEntry, predictor: KnownForecasts) -> Alternative:
    return explanations.replay(row, policy(quality_floor=0.85, predictor=predictor))


def chosen(alternative: Alternative) -> str | None:
    return None if alternative.decision is None else alternative.decision.chosen.model.full_name


def test_predictor_is_asked_by_the_vector_that_was_kept() -> None:
    row, predictor = entry(), Listening(FORECASTS)
    vector = keep_vector(row)

    found = replay(row, predictor)

    assert predictor.asked == [(vector, None, "review", "code")]
    assert chosen(found) == "a/simple"
    assert found.approximations == ("The prompt's text is not kept: the predictor was asked by its vector alone.",)


def test_vector_and_text_make_the_replay_exact() -> None:
    row, predictor = entry(), Listening(FORECASTS)
    keep_vector(row)
    keep_text(row)
    assert replay(row, predictor).approximations == ()
    assert predictor.asked[0][1] == PROMPT


def test_vector_that_is_gone_is_made_again_from_a_kept_text() -> None:
    row, predictor = entry(), Listening(FORECASTS)
    keep_text(row)
    assert replay(row, predictor).approximations == ()
    assert len(predictor.asked[0][0]) == prompt_encoder.DIMENSIONS


@pytest.mark.parametrize("is_unreadable", [False, True])
def test_without_either_the_predictor_is_not_asked(is_unreadable: bool) -> None:
    row, predictor = entry(), Listening(FORECASTS)
    for _ in range(is_unreadable):
        keep_text(row, purpose="another")

    found = replay(row, predictor)

    assert predictor.asked == []
    assert chosen(found) == "b/cheap"
    assert found.approximations == ("The prompt's vector is not kept, so the predictor could not be asked.",)
