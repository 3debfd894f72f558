"""Gathers what a predictor is trained on: evaluation outcomes, and rated requests whose vectors are kept.

Nothing but their weight tells them apart. An evaluation outcome weighs 1 whatever its age, because whoever does not
believe a set any longer disables it; a rating weighs half as much for each half-life of its age. Models that ``auto``
may not choose now are left out, and so are ratings of what was another model under the same name.
"""

import math
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby, islice
from operator import itemgetter
from typing import Any

import numpy as np

from accounts.models import Team
from feedback.selectors import votes
from learning.domain import aging
from learning.domain.training_set import TrainingSet
from learning.selectors import catalog, outcomes
from learning.selectors.catalog import Catalog
from learning.selectors.evidence import ModelChange
from learning.services import findings
from routing.domain import patterns, prompt_encoder
from routing.services import embeddings

# The newest ones: some 100 MB and minutes of one core.
MAX_RATED_REQUESTS = 50_000
_CHUNK = 500


@dataclass
class _Builder:
    """Collects prompts and their outcomes in the order in which they are read."""

    routable: frozenset[str]
    vectors: list[np.ndarray] = field(default_factory=list)
    texts: list[str | None] = field(default_factory=list)
    tasks: list[str | None] = field(default_factory=list)
    patterns: list[str] = field(default_factory=list)
    groups: list[Hashable] = field(default_factory=list)
    outcomes: list[tuple[int, str, float, float]] = field(default_factory=list)

    def add_prompt(
        self, vector: np.ndarray, *, text: str | None, task: str | None, pattern: str, group: Hashable
    ) -> int:
        """Return the prompt's number."""
        self.vectors.append(vector)
        self.texts.append(text)
        self.tasks.append(task)
        self.patterns.append(pattern)
        self.groups.append(group)
        return len(self.vectors) - 1

    def add_outcome(self, prompt: int, model: str, quality: float, weight: float) -> None:
        self.outcomes.append((prompt, model, quality, weight))

    def build(self) -> TrainingSet:
        names = tuple(sorted({model for _, model, *_ in self.outcomes}))
        place = {name: number for number, name in enumerate(names)}
        numbers = np.array([outcome[2:] for outcome in self.outcomes], dtype=np.float64).reshape(-1, 2)
        return TrainingSet(
            vectors=np.stack(self.vectors) if self.vectors else np.zeros((0, prompt_encoder.DIMENSIONS)),
            texts=self.texts,
            tasks=self.tasks,
            patterns=self.patterns,
            model_names=names,
            prompt_index=np.array([outcome[0] for outcome in self.outcomes], dtype=np.int64),
            model_index=np.array([place[outcome[1]] for outcome in self.outcomes], dtype=np.int64),
            quality=numbers[:, 0],
            weight=numbers[:, 1],
            groups=self.groups,
        )


def gather(team: Team | None, *, now: datetime, report: Callable[[str], None]) -> TrainingSet:
    """Return what there is to train the policy of a scope on.

    Args:
        team: None for the policy that teams share.
        report: Told, in words, how far the reading is.
    """
    since = findings.window_start(now)
    known = catalog.at(now, since=since, known_versions=findings.known_versions(team))
    builder = _Builder(known.routable)
    report("Reading evaluation outcomes")
    _add_outcomes(builder, team)
    report("Reading rated requests")
    _add_ratings(builder, team, known, since, now)
    return builder.build()


def _add_outcomes(builder: _Builder, team: Team | None) -> None:
    rows = (row for row in outcomes.training_outcomes(team) if row.model in builder.routable)
    # The outcomes of a prompt follow each other.
    for (prompt, task), group in groupby(rows, key=lambda row: (row.prompt, row.task)):
        number = builder.add_prompt(
            embeddings.encode(prompt),
            text=prompt,
            task=task,
            pattern=patterns.classify(prompt),
            group=" ".join(prompt.casefold().split()),
        )
        for row in group:
            builder.add_outcome(number, row.model, row.quality, row.weight)


def _add_ratings(builder: _Builder, team: Team | None, known: Catalog, since: datetime, now: datetime) -> None:
    changes = {f"{change.provider}/{change.name}": change for change in known.changes}
    for chunk in _chunks(_rated(team, since, now)):
        kept = embeddings.vectors(ratings[0]["ledger_request_id"] for ratings in chunk)
        for ratings in chunk:
            first = ratings[0]
            model = f"{first['provider']}/{first['served_model']}"
            vector = kept.get(first["ledger_request_id"])
            if vector is None or model not in builder.routable or _was_another(first, changes.get(model)):
                continue
            number = builder.add_prompt(
                vector, text=None, task=first["task"], pattern=first["pattern"], group=vector.tobytes()
            )
            reward = math.fsum(rating["reward"] for rating in ratings) / len(ratings)
            weight = max(_weight(now - rating["created_at"]) for rating in ratings)
            builder.add_outcome(number, model, reward, weight)


def _rated(team: Team | None, since: datetime, until: datetime) -> Iterator[list[Mapping[str, Any]]]:
    """Yield the ratings of one request after the other, newest requests first."""
    rows = (
        votes.countable(team=team, since=since, until=until)
        .order_by("-requested_at", "ledger_request_id", "id")
        .values(
            "ledger_request_id",
            "requested_at",
            "created_at",
            "provider",
            "served_model",
            "pattern",
            "task",
            "reward",
        )
        .iterator(chunk_size=_CHUNK)
    )
    requests = groupby(rows, key=itemgetter("ledger_request_id"))
    return islice((list(ratings) for _, ratings in requests), MAX_RATED_REQUESTS)


def _chunks(requests: Iterator[list[Mapping[str, Any]]]) -> Iterator[list[list[Mapping[str, Any]]]]:
    while chunk := list(islice(requests, _CHUNK)):
        yield chunk


def _was_another(rating: Mapping[str, Any], change: ModelChange | None) -> bool:
    return change is not None and change.version_since is not None and rating["requested_at"] < change.version_since


def _weight(age: timedelta) -> float:
    return float(0.5 ** (max(age, timedelta(0)) / aging.HALF_LIFE))
