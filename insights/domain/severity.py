"""How severe a finding is: by its money against what the team spends, or by how far a figure is past its limit."""

from insights.domain.finding import Severity
from insights.domain.thresholds import ONE_USD

# Least share of the team's spend and least saving a month, from the most severe: a large share of next to nothing is
# not urgent, and neither is a sum that the team does not notice.
BY_SAVINGS = (
    (Severity.CRITICAL, 0.25, 100 * ONE_USD),
    (Severity.HIGH, 0.10, 10 * ONE_USD),
    (Severity.MEDIUM, 0.03, 2 * ONE_USD),
)
# How often the figure holds its limit.
BY_EXCESS = ((Severity.CRITICAL, 4.0), (Severity.HIGH, 2.0), (Severity.MEDIUM, 1.0))


def of_savings(savings_nano_usd: int, spend_nano_usd: int) -> Severity:
    """Grade a saving a month against the team's spend a month."""
    for severity, share, least in BY_SAVINGS:
        if savings_nano_usd >= least and savings_nano_usd >= share * spend_nano_usd:
            return severity
    return Severity.LOW


def of_excess(ratio: float) -> Severity:
    """Grade a figure by its ratio to the limit it is past."""
    return next((severity for severity, least in BY_EXCESS if ratio >= least), Severity.LOW)
