"""What following a suggestion has saved: its traffic before and after, against traffic that nothing was changed for.

Difference in differences (Angrist and Pischke 2009, "Mostly Harmless Econometrics", section 5.2), on the cost of a
request as a ratio: prices, prompts and answers that changed for everybody change the untouched traffic too.
"""

from dataclasses import dataclass
from fractions import Fraction

# Fewer requests in any of the four make a ratio of chance.
LEAST_REQUESTS = 30


@dataclass(frozen=True, slots=True)
class Spend:
    """Requests and what they cost, in nano-dollars."""

    requests: int
    cost_nano_usd: int

    @property
    def cost_per_request(self) -> Fraction:
        return Fraction(self.cost_nano_usd, self.requests)


@dataclass(frozen=True, slots=True)
class RealizedSaving:
    """What was saved since, in nano-dollars, negative for a loss; None where it cannot be told, ``assumption`` why."""

    nano_usd: int | None
    is_compared: bool
    assumption: str


def measure(*, before: Spend, after: Spend, untouched_before: Spend, untouched_after: Spend) -> RealizedSaving:
    """Return what the requests since the change would have cost without it, less what they did cost.

    Args:
        before: The traffic that the action changes, in a window before it.
        after: The same kind of traffic since.
        untouched_before: All other traffic of the team in the window before.
        untouched_after: All other traffic of the team since.
    """
    if min(before.requests, after.requests) < LEAST_REQUESTS:
        return RealizedSaving(None, False, f"Both before and after, {LEAST_REQUESTS} requests are needed.")
    drift, is_compared = Fraction(1), _is_comparable(untouched_before, untouched_after)
    if is_compared:
        drift = untouched_after.cost_per_request / untouched_before.cost_per_request
    expected = before.cost_per_request * drift * after.requests
    return RealizedSaving(int(expected - after.cost_nano_usd), is_compared, _assumption(is_compared))


def _is_comparable(before: Spend, after: Spend) -> bool:
    return min(before.requests, after.requests) >= LEAST_REQUESTS and before.cost_nano_usd > 0


def _assumption(is_compared: bool) -> str:
    if is_compared:
        return "Without the change, the cost of a request would have gone the way it went for untouched traffic."
    return "Without the change, a request would cost what it did before; there is no untouched traffic to compare with."
