"""What the product brought a team against what it cost, with everything that the figures take for granted."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from insights.domain.observations import DAYS_PER_MONTH
from insights.domain.realized_saving import RealizedSaving


@dataclass(frozen=True, slots=True)
class Followed:
    """An accepted suggestion with what it saved.

    ``is_in_routing_savings``: the ledger's savings against the baseline hold it already, as with a change of routing.
    """

    fingerprint: str
    saving: RealizedSaving
    is_in_routing_savings: bool


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What nobody can measure: cost of the product a month and of an hour, in nano-dollars; minutes an answer takes."""

    product_nano_usd_per_month: int = 0
    hour_nano_usd: int = 60_000_000_000
    minutes_per_answer: int = 5
    minutes_per_change_by_hand: int = 120


@dataclass(frozen=True, slots=True)
class Inputs:
    """What was measured over ``days``, money in nano-dollars.

    ``routing_savings_nano_usd`` is the ledger's saving against the baseline models, ``learning_nano_usd`` what judges
    and calibration cost; ``answers`` counts suggestions answered, ``changes_by_hand`` accepted ones without an action.
    """

    days: int
    spend_nano_usd: int
    routing_savings_nano_usd: int
    learning_nano_usd: int = 0
    answers: int = 0
    changes_by_hand: int = 0
    followed: Sequence[Followed] = ()


@dataclass(frozen=True, slots=True)
class Stated:
    """One assumption as it is shown: its name, value and what it means."""

    name: str
    value: int | str
    text: str


@dataclass(frozen=True, slots=True)
class Roi:
    """The outcome, money in nano-dollars.

    Attributes:
        benefit_nano_usd: Savings of routing, and of suggestions that routing's do not hold.
        cost_nano_usd: Product, people's time and learning.
        ratio: (benefit - cost) / cost; None where it cost nothing.
        unmeasured: Accepted suggestions whose saving cannot be told yet; they count as nothing.
    """

    benefit_nano_usd: int
    routing_savings_nano_usd: int
    other_savings_nano_usd: int
    realized_nano_usd: int
    cost_nano_usd: int
    product_nano_usd: int
    time_nano_usd: int
    learning_nano_usd: int
    net_nano_usd: int
    ratio: float | None
    monthly_net_nano_usd: int
    unmeasured: int
    assumptions: tuple[Stated, ...]


def compute(inputs: Inputs, assumptions: Assumptions | None = None) -> Roi:
    """Weigh benefit against cost.

    Raises:
        ValueError: The window has no day in it.
    """
    if inputs.days < 1:
        raise ValueError(f"A window needs a day at least; this one has {inputs.days}.")
    assumptions = assumptions or Assumptions()
    realized = {each.fingerprint: each for each in inputs.followed}.values()
    measured = [(each, each.saving.nano_usd) for each in realized if each.saving.nano_usd is not None]
    others = sum(saved for each, saved in measured if not each.is_in_routing_savings)
    product = assumptions.product_nano_usd_per_month * inputs.days // DAYS_PER_MONTH
    time = _time(inputs, assumptions)
    benefit, cost = inputs.routing_savings_nano_usd + others, product + time + inputs.learning_nano_usd
    return Roi(
        benefit,
        inputs.routing_savings_nano_usd,
        others,
        sum(saved for _, saved in measured),
        cost,
        product,
        time,
        inputs.learning_nano_usd,
        benefit - cost,
        float(Fraction(benefit - cost, cost)) if cost else None,
        (benefit - cost) * DAYS_PER_MONTH // inputs.days,
        len(realized) - len(measured),
        _stated(inputs, assumptions),
    )


def _time(inputs: Inputs, assumptions: Assumptions) -> int:
    minutes = inputs.answers * assumptions.minutes_per_answer
    minutes += inputs.changes_by_hand * assumptions.minutes_per_change_by_hand
    return minutes * assumptions.hour_nano_usd // 60


def _stated(inputs: Inputs, assumptions: Assumptions) -> tuple[Stated, ...]:
    told = [
        Stated(
            "product_nano_usd_per_month",
            assumptions.product_nano_usd_per_month,
            f"What running the product costs this team in a month of {DAYS_PER_MONTH} days, in nano-dollars.",
        ),
        Stated("hour_nano_usd", assumptions.hour_nano_usd, "What an hour of a person costs, in nano-dollars."),
        Stated("minutes_per_answer", assumptions.minutes_per_answer, "Time to read and answer one suggestion."),
        Stated(
            "minutes_per_change_by_hand",
            assumptions.minutes_per_change_by_hand,
            "Time to follow an accepted suggestion that the product cannot apply by itself.",
        ),
        Stated("days", inputs.days, "Days measured; a month's figures carry them on in proportion."),
        Stated(
            "baseline",
            "routing_savings",
            "Without routing, every request would have gone to its baseline model and used as many tokens.",
        ),
        Stated(
            "no_double_counting",
            "other_savings",
            "Savings of suggestions that changed routing are part of routing's and are not added again.",
        ),
    ]
    by_text = {each.saving.assumption for each in inputs.followed}
    return (*told, *(Stated("realized_saving", "followed", text) for text in sorted(by_text)))
