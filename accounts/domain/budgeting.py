"""Admission against spending limits: exact arithmetic on whole nano-dollars, first come first served."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

# A billion dollars. Sums of many such amounts still fit the 64-bit columns that hold them.
MAX_NANO_USD = 10**18


class Reservation(msgspec.Struct, frozen=True):
    """What one request may cost at most, and every budget it counts against.

    Raises ValueError when the amount is negative or above ``MAX_NANO_USD``.
    """

    budget_ids: tuple[int, ...]
    amount_nano_usd: int

    def __post_init__(self) -> None:
        if not 0 <= self.amount_nano_usd <= MAX_NANO_USD:
            raise ValueError(f"A reservation of {self.amount_nano_usd} nano-dollars is not in 0..{MAX_NANO_USD}.")


class ReservationOutcome(msgspec.Struct, frozen=True):
    """The periods that hold the amount, or the budget that had no room; a refused one holds nothing anywhere."""

    period_ids: tuple[int, ...]
    refused_by: int | None


class PeriodChange(msgspec.Struct, frozen=True):
    """What a finished request does to one period: usually gives its reservation back and spends its cost."""

    period_id: int
    reserved_delta: int
    spent_delta: int


@dataclass(slots=True)
class PeriodBalance:
    """What one budget has spent and reserved in one period."""

    period_id: int
    is_hard: bool
    limit_nano_usd: int
    spent_nano_usd: int
    reserved_nano_usd: int

    @property
    def overrun_nano_usd(self) -> int:
        """What spending and reservations together exceed the limit by; 0 or more."""
        return max(0, self.spent_nano_usd + self.reserved_nano_usd - self.limit_nano_usd)

    def has_room_for(self, amount_nano_usd: int) -> bool:
        """Say whether the amount is admitted. A request that costs nothing always is: it spends nothing."""
        if not self.is_hard or amount_nano_usd == 0:
            return True
        return self.spent_nano_usd + self.reserved_nano_usd + amount_nano_usd <= self.limit_nano_usd

    def apply(self, *, reserved_delta: int, spent_delta: int) -> bool:
        """Add both amounts; return False when one had to be held at zero, which only a double release can cause."""
        reserved = self.reserved_nano_usd + reserved_delta
        spent = self.spent_nano_usd + spent_delta
        self.reserved_nano_usd, self.spent_nano_usd = max(0, reserved), max(0, spent)
        return reserved >= 0 and spent >= 0


def admit(reservations: Sequence[Reservation], balances: Mapping[int, PeriodBalance]) -> list[ReservationOutcome]:
    """Decide the reservations in order and add the admitted ones to ``balances``, each to all its budgets or to none.

    Args:
        reservations: In order of arrival; one that is refused does not hold back a smaller one behind it.
        balances: Current period by budget id. A budget that is not in it no longer exists and limits nothing.
    """
    return [_admit_one(reservation, balances) for reservation in reservations]


def summed(changes: Iterable[PeriodChange]) -> dict[int, tuple[int, int]]:
    """Return the sums of ``reserved_delta`` and ``spent_delta`` by period id."""
    sums: dict[int, tuple[int, int]] = {}
    for change in changes:
        reserved, spent = sums.get(change.period_id, (0, 0))
        sums[change.period_id] = (reserved + change.reserved_delta, spent + change.spent_delta)
    return sums


def _admit_one(reservation: Reservation, balances: Mapping[int, PeriodBalance]) -> ReservationOutcome:
    amount = reservation.amount_nano_usd
    held: list[PeriodBalance] = []
    for budget_id in dict.fromkeys(reservation.budget_ids):
        balance = balances.get(budget_id)
        if balance is None:
            continue
        if not balance.has_room_for(amount):
            return ReservationOutcome(period_ids=(), refused_by=budget_id)
        held.append(balance)
    for balance in held:
        balance.reserved_nano_usd += amount
    return ReservationOutcome(period_ids=tuple(balance.period_id for balance in held), refused_by=None)
