"""What ratings are low, and how they are shown as evidence."""

from typing import Any

from insights.domain import certainty
from insights.domain.observations import Ratings
from insights.domain.thresholds import Thresholds


def is_missed(ratings: Ratings, thresholds: Thresholds) -> bool:
    """Say whether at least one rating, with its stars or its answers about correctness, is below the floor."""
    return is_stars_low(ratings, thresholds) or is_correctness_low(ratings, thresholds)


def is_stars_low(ratings: Ratings, thresholds: Thresholds) -> bool:
    """Say whether the mean of the stars is below the floor."""
    return certainty.mean_stars(ratings) < thresholds.min_quality_stars


def is_correctness_low(ratings: Ratings, thresholds: Thresholds) -> bool:
    """Say whether too few of the judged answers are correct; one judgment alone says nothing."""
    if ratings.judged < thresholds.min_ratings:
        return False
    return ratings.correct / ratings.judged < thresholds.min_correctness


def as_json(ratings: Ratings) -> dict[str, Any]:
    """Return counts, the mean of the stars and the share of correct answers, None where nobody told."""
    return {
        "count": ratings.count,
        "mean_stars": round(certainty.mean_stars(ratings), 4) if ratings.count else None,
        "judged": ratings.judged,
        "correctness": round(ratings.correct / ratings.judged, 4) if ratings.judged else None,
    }
