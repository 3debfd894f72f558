"""A cost review: all detectors over one team's window, and what became of what earlier reviews found."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from insights.domain.detectors import (
    dominated_model,
    duplicate_prompts,
    failover_spike,
    feedback_gap,
    latency_regression,
    low_confidence_traffic,
    low_quality_model,
    overpowered_model,
    oversized_max_tokens,
    spend_spike,
    stale_experiment,
    unpriced_traffic,
)
from insights.domain.finding import Finding, Severity
from insights.domain.observations import Observations
from insights.domain.thresholds import DEFAULTS, Thresholds

Detector = Callable[[Observations, Thresholds], list[Finding]]
DETECTORS: Mapping[str, Detector] = {
    module.TYPE: module.detect
    for module in (
        overpowered_model,
        duplicate_prompts,
        low_quality_model,
        failover_spike,
        latency_regression,
        spend_spike,
        oversized_max_tokens,
        feedback_gap,
        stale_experiment,
        low_confidence_traffic,
        dominated_model,
        unpriced_traffic,
    )
}
STALE_AFTER_DAYS = 30
_SEVEREST_FIRST = {severity: place for place, severity in enumerate(Severity)}


@dataclass(frozen=True, slots=True)
class Standing:
    """What a review means for the findings that were open before it, by fingerprint.

    ``again`` hold still, ``resolved`` no longer do, ``expired`` were last seen too long ago to say; ``new`` were not
    open.
    """

    new: frozenset[str]
    again: frozenset[str]
    resolved: frozenset[str]
    expired: frozenset[str]


def review(observations: Observations, thresholds: Thresholds = DEFAULTS) -> tuple[Finding, ...]:
    """Run every detector: the severest findings first, then those that save most; the same input, the same findings."""
    found = [finding for detect in DETECTORS.values() for finding in detect(observations, thresholds)]
    return tuple(sorted(found, key=_order))


def compare(open_since: Mapping[str, date], found: tuple[Finding, ...], reviewed_on: date) -> Standing:
    """Tell what a review changes.

    Args:
        open_since: When each open finding was last seen, by its fingerprint.
        reviewed_on: The day after the window's last.
    """
    seen = frozenset(finding.fingerprint for finding in found)
    gone = {mark: day for mark, day in open_since.items() if mark not in seen}
    expired = frozenset(mark for mark, day in gone.items() if (reviewed_on - day).days > STALE_AFTER_DAYS)
    return Standing(seen - open_since.keys(), seen & open_since.keys(), frozenset(gone) - expired, expired)


def _order(finding: Finding) -> tuple[int, int, str]:
    return _SEVEREST_FIRST[finding.severity], -(finding.savings.nano_usd or 0), finding.fingerprint
