"""Evidence for tests, from lists of stars."""

from collections.abc import Sequence
from typing import Any

from learning.domain.evidence import MICRO, Evidence


def evidence(stars: Sequence[int], *, model: str = "a", pattern: str = "code", **fields: Any) -> Evidence:
    """Sum up ratings by as many people, all of answers that were correct and cost 1000 nano-dollars each."""
    count = len(stars)
    values: dict[str, Any] = {
        "sample_count": count,
        "star_sum": sum(stars),
        "star_square_sum": sum(star * star for star in stars),
        "correct_count": count,
        "judged_count": count,
        "distinct_users": count,
        "voice_sum": sum(stars) * MICRO,
        "voice_weight": count,
        "aged_star_sum": sum(stars),
        "aged_weight": count,
        "cost_count": count,
        "cost_nano_usd": 1000 * count,
        "new_price_count": count,
        "new_price_nano_usd": 1000 * count,
        **fields,
    }
    return Evidence(pattern=pattern, provider="openai", model=model, **values)


def costing(nano_usd: int, stars: Sequence[int], **fields: Any) -> Evidence:
    """Sum up ratings of answers that cost as much each."""
    total = nano_usd * len(stars)
    return evidence(stars, cost_nano_usd=total, new_price_nano_usd=total, **fields)
