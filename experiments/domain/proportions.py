"""Rates: share of failed requests and the like."""

import scipy


def chi_square(
    events: tuple[float, float], totals: tuple[float, float], design_effects: tuple[float, float] = (1.0, 1.0)
) -> float:
    """Return the p-value of Pearson's chi-square test that two rates are equal, without continuity correction.

    Args:
        events: what is counted, of either arm.
        totals: out of how many, each above zero.
        design_effects: how many times larger the variance is than that of independent requests. Counts are divided by
            them (Rao and Scott 1992, "A simple method for the analysis of clustered binary data").
    """
    counts = [event / effect for event, effect in zip(events, design_effects, strict=True)]
    sizes = [total / effect for total, effect in zip(totals, design_effects, strict=True)]
    pooled = sum(counts) / sum(sizes)
    if not 0 < pooled < 1:
        return 1.0
    expected_variance = pooled * (1 - pooled)
    statistic = sum(
        (count - size * pooled) ** 2 / (size * expected_variance) for count, size in zip(counts, sizes, strict=True)
    )
    return float(scipy.special.chdtrc(1, statistic))


def smoothed_variance(events: float, total: float) -> float:
    """Return the variance of a rate with one event and one non-event added, so that none in few is no certainty.

    Agresti and Caffo (2000), "Simple and effective confidence intervals for proportions and differences".
    """
    rate = (events + 1) / (total + 2)
    return rate * (1 - rate) / (total + 2)
