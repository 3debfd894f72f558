"""How sure a detector may be of what it counted: normal approximations, which calibration corrects later."""

import math

from insights.domain.observations import Ratings

# What was counted rather than estimated holds unless the traffic changes.
COUNTED = 0.95
# Stars vary about this much between the answers of one model; it stands in for two ratings where there are few.
_PRIOR_VARIANCE = 1.0
_PRIOR_RATINGS = 2


def normal_cdf(z: float) -> float:
    """Return the standard normal distribution function."""
    return 0.5 * math.erfc(-z / math.sqrt(2))


def share_above(part: int, whole: int, limit: float) -> float:
    """Return how likely the share behind ``part`` of ``whole`` lies above ``limit`` (Agresti and Coull 1998)."""
    # Two counts taken a moment apart may disagree by a few; that must not stop a review.
    share = (min(part, whole) + 2) / (whole + 4)
    return normal_cdf((share - limit) / math.sqrt(share * (1 - share) / (whole + 4)))


def mean_stars(ratings: Ratings) -> float:
    """Return the mean of at least one rating."""
    return ratings.stars_sum / ratings.count


def stars_below(ratings: Ratings, limit: float) -> float:
    """Return how likely the mean of all answers' stars lies below ``limit``, in stars."""
    return normal_cdf((limit - mean_stars(ratings)) / math.sqrt(_mean_variance(ratings)))


def stars_not_worse(ratings: Ratings, than: Ratings, margin: float) -> float:
    """Return how likely a mean is at most ``margin`` stars below another."""
    error = math.sqrt(_mean_variance(ratings) + _mean_variance(than))
    return normal_cdf((mean_stars(ratings) - mean_stars(than) + margin) / error)


def of_percentile(requests: int, percentile: int) -> float:
    """Return how far a percentile of so many requests may be trusted: m / (m + 5), with m requests above it."""
    above = requests * (100 - percentile) / 100
    return above / (above + 5)


def _mean_variance(ratings: Ratings) -> float:
    squares = ratings.stars_squares_sum - ratings.stars_sum**2 / ratings.count
    variance = (squares + _PRIOR_RATINGS * _PRIOR_VARIANCE) / (ratings.count + _PRIOR_RATINGS)
    return variance / ratings.count
