"""What people say of the answers, in figures."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from accounts.models import Team
from feedback.selectors import tallies
from feedback.selectors.tallies import Group


@dataclass(frozen=True, slots=True)
class Tally:
    """Ratings of one kind; ``correctness_rate`` is of those that say whether the answer is correct, None without."""

    count: int
    avg_score: float
    correctness_rate: float | None


@dataclass(frozen=True, slots=True)
class ModelTally:
    """The ratings of one provider's model."""

    provider: str
    selected_model: str
    tally: Tally


@dataclass(frozen=True, slots=True)
class FeedbackSummary:
    """All ratings of a scope; those that are tied to no request count in the first two figures only.

    ``avg_quality_score`` is in stars, 0 when there are none. The parts hold linked ratings of answered requests, the
    most rated first.
    """

    total_feedback: int
    avg_quality_score: float
    models: tuple[ModelTally, ...]
    by_model: dict[str, Tally]
    by_query_pattern: dict[str, Tally]
    unlinked_feedback: int


K = TypeVar("K", str, tuple[str, str])


def summary(team: Team | None, *, since: datetime | None = None, until: datetime | None = None) -> FeedbackSummary:
    """Return the figures of a team, or of all teams for None.

    Args:
        since: In UTC; the day it is in counts whole. None for everything there is.
        until: In UTC; the day it is in counts whole, unless it is midnight. None for everything there is.
    """
    groups = tallies.groups(team, since=since, until=until)
    answered = [group for group in groups if group["linked"] and group["served_model"] is not None]
    total = sum(group["count"] for group in groups)
    by_offer = _tallies(answered, lambda group: (str(group["served_model"]), str(group["provider"])))
    return FeedbackSummary(
        total_feedback=total,
        avg_quality_score=sum(group["stars"] for group in groups) / total if total else 0.0,
        models=tuple(ModelTally(provider, model, tally) for (model, provider), tally in by_offer.items()),
        by_model=_tallies(answered, lambda group: str(group["served_model"])),
        by_query_pattern=_tallies(answered, lambda group: str(group["pattern"])),
        unlinked_feedback=sum(group["count"] for group in groups if not group["linked"]),
    )


def _tallies(groups: Iterable[Group], key: Callable[[Group], K]) -> dict[K, Tally]:
    """Return the tally of each key, the largest first, and by name where they are alike."""
    parts: dict[K, list[Group]] = defaultdict(list)
    for group in groups:
        parts[key(group)].append(group)
    tallies = {name: _tally(part) for name, part in parts.items()}
    return dict(sorted(tallies.items(), key=lambda item: (-item[1].count, item[0])))


def _tally(groups: Iterable[Group]) -> Tally:
    count = stars = judged = correct = 0
    for group in groups:
        count += group["count"]
        stars += group["stars"]
        judged += group["judged"]
        correct += group["correct"]
    return Tally(count, stars / count, correct / judged if judged else None)
