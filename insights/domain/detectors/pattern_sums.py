"""Traffic added up over the models of a pattern."""

from collections.abc import Iterable
from dataclasses import dataclass

from insights.domain.observations import ModelPattern


@dataclass(frozen=True, slots=True)
class PatternSums:
    """The window's traffic on one pattern."""

    pattern: str
    requests: int
    rated_requests: int
    low_confidence_requests: int
    cost_nano_usd: int
    example_request_ids: tuple[str, ...]


def by_pattern(traffic: Iterable[ModelPattern]) -> list[PatternSums]:
    """Add up traffic by pattern, in the order of their names."""
    parts: dict[str, list[ModelPattern]] = {}
    for part in traffic:
        parts.setdefault(part.pattern, []).append(part)
    return [_sums(pattern, parts[pattern]) for pattern in sorted(parts)]


def _sums(pattern: str, parts: list[ModelPattern]) -> PatternSums:
    return PatternSums(
        pattern,
        sum(part.requests for part in parts),
        sum(part.rated_requests for part in parts),
        sum(part.low_confidence_requests for part in parts),
        sum(part.cost_nano_usd for part in parts),
        tuple(sorted(each for part in parts for each in part.example_request_ids)),
    )
