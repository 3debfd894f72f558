"""Makes the report on a log: what was paid, what the same tokens would have cost, and what is not compared."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from insights.domain.savings.figures import (
    Agreement,
    ByPrompt,
    LeftOut,
    Option,
    Period,
    Report,
    Scenario,
    Spent,
    Target,
    Used,
)
from insights.domain.savings.price_book import PricedModel
from insights.domain.savings.scenarios import Comparison, Move, OnOne
from insights.domain.savings.tally import Group, Tally
from insights.domain.usage_logs.record import FEMTO_PER_NANO
from routing.domain.catalog import TIERS
from routing.domain.pricing import from_nano_usd

# More bars than this cannot be told apart; longer logs are shown by month.
_MOST_DAYS = 62
# The tables name the first so many and add up the rest.
_MOST_SHOWN = 25


_SCENARIOS = (
    (
        "same_provider",
        "Same provider, same tier",
        "Each model's requests on the cheapest model of its tier that its own provider has.",
    ),
    (
        "same_tier",
        "Same tier",
        "Each model's requests on the cheapest model of the same tier, whoever has it.",
    ),
    (
        "tier_below",
        "One tier lower",
        "Each model's requests on the cheapest model of the same tier or the next one down.",
    ),
    (
        "cheapest",
        "Cheapest of all",
        "Each model's requests on the cheapest model there is, whatever its tier.",
    ),
)


def build(tally: Tally, baseline: PricedModel | None = None) -> Report:
    """Make the report of what has been tallied.

    Args:
        baseline: Savings are measured against all requests on this model; by default against what they cost.
    """
    comparison = Comparison(tally.book, tally.edges, tally.groups)
    everything = _sum(tally.groups.values())
    reference = comparison.on_one(baseline) if baseline else None
    measured = reference.cost_femto_usd if reference else comparison.paid_femto_usd
    moves = {
        "same_provider": comparison.same_provider(),
        "same_tier": comparison.same_tier(),
        "tier_below": comparison.tier_below(),
        "cheapest": comparison.cheapest(),
    }
    return Report(
        first=tally.first,
        last=tally.last,
        days=(tally.last.date() - tally.first.date()).days + 1 if tally.first and tally.last else 0,
        compared=_spent(everything),
        agreement=_agreement(everything),
        reference=baseline.full_name if baseline else None,
        reference_usd=_usd(measured),
        scenarios=tuple(
            _scenario(name, title, text, sum(move.cost_femto_usd for move in moves[name]), measured)
            for name, title, text in _SCENARIOS
        ),
        by_prompt=_by_prompt(tally, comparison),
        used=tuple(_used(comparison, moves)),
        options=_options(comparison, everything, measured),
        periods=_periods(comparison, moves),
        left_out=_left_out(tally),
        cached_value_usd=_usd(tally.cached_value_femto_usd),
        duplicates=tally.duplicates,
        outside=tally.outside,
    )


def _scenario(name: str, title: str, text: str, cost: int, reference: int) -> Scenario:
    return Scenario(name, title, text, _usd(cost), _usd(reference - cost), _share(reference - cost, reference))


def _by_prompt(tally: Tally, comparison: Comparison) -> ByPrompt | None:
    sent = comparison.by_prompt()
    if not sent:
        return None
    rows = dict.fromkeys(TIERS, 0)
    for key in sent:
        rows[key.prompt_tier or ""] += tally.groups[key].rows
    return ByPrompt(
        sum(rows.values()),
        rows,
        _usd(sum(tally.groups[key].cost_femto_usd for key in sent)),
        _usd(sum(cost for _, cost in sent.values())),
    )


def _used(comparison: Comparison, moves: dict[str, list[Move]]) -> Iterable[Used]:
    for place, (model, groups) in enumerate(comparison.used()):
        targets = {name: _target(found[place]) for name, found in moves.items()}
        names = tuple(sorted({key.named for key in groups if key.named}))
        yield Used(model.full_name, names, model.tier, _spent(_sum(groups.values())), **targets)


def _target(move: Move) -> Target:
    return Target(move.to.full_name if move.to else None, _usd(move.cost_femto_usd))


def _options(comparison: Comparison, everything: Group, reference: int) -> tuple[Option, ...]:
    found: list[OnOne] = sorted(comparison.all_on_one(), key=lambda each: (each.cost_femto_usd, each.model.full_name))
    return tuple(
        Option(
            each.model.full_name,
            each.model.compared_tier,
            _usd(each.cost_femto_usd),
            _usd(reference - each.cost_femto_usd),
            _share(each.moved_rows, everything.rows),
        )
        for each in found
        if each.moved_rows
    )


def _periods(comparison: Comparison, moves: dict[str, list[Move]]) -> tuple[Period, ...]:
    """Return every day, or every month where that would be many days, with what each would have cost."""
    used = comparison.used()
    days = sorted({key.day for _, groups in used for key in groups})
    if not days:
        return ()
    is_by_day = (days[-1] - days[0]).days < _MOST_DAYS
    sums = {begins: [0, 0, 0] for begins in _beginnings(days[0], days[-1], is_by_day=is_by_day)}
    for place, (_, groups) in enumerate(used):
        for key, group in groups.items():
            found = sums[key.day if is_by_day else key.day.replace(day=1)]
            found[0] += group.cost_femto_usd
            found[1] += comparison.under(moves["same_tier"][place], {key: group})
            found[2] += comparison.under(moves["tier_below"][place], {key: group})
    label = "%Y-%m-%d" if is_by_day else "%Y-%m"
    return tuple(
        Period(begins.strftime(label), begins, *(_usd(amount) for amount in amounts))
        for begins, amounts in sums.items()
    )


def _beginnings(first: date, last: date, *, is_by_day: bool) -> Iterator[date]:
    """Yield each day, or the first of each month, also those without a row: a gap is to be seen as one."""
    begins = first if is_by_day else first.replace(day=1)
    while begins <= last:
        yield begins
        # The 32nd day from the first of a month lies in the next.
        begins = begins + timedelta(days=1) if is_by_day else (begins + timedelta(days=31)).replace(day=1)


def _left_out(tally: Tally) -> tuple[LeftOut, ...]:
    """Return what is not compared, the most rows first; what is beyond the first 25 is added up by reason."""
    ordered = sorted(tally.left_out.items(), key=lambda each: (-each[1].rows, each[0]))
    shown = [LeftOut(reason, name, _spent(group)) for (reason, name), group in ordered[:_MOST_SHOWN]]
    rest: dict[str, Group] = {}
    for (reason, _), group in ordered[_MOST_SHOWN:]:
        rest.setdefault(reason, Group()).add(group)
    return (*shown, *(LeftOut(reason, "(others)", _spent(group)) for reason, group in sorted(rest.items())))


def _sum(groups: Iterable[Group]) -> Group:
    total = Group()
    for group in groups:
        total.add(group)
    return total


def _spent(group: Group) -> Spent:
    tokens = group.tokens
    logged = _usd(group.logged_femto_usd) if group.logged_rows else None
    return Spent(
        group.rows, tokens.requests, tokens.input, tokens.cached, tokens.output, logged, _usd(group.cost_femto_usd)
    )


def _agreement(group: Group) -> Agreement:
    return Agreement(
        group.logged_rows,
        _usd(group.logged_femto_usd),
        _usd(group.priced_of_logged_femto_usd),
        group.dearer_in_log,
        group.cheaper_in_log,
    )


def _usd(femto_usd: int) -> Decimal:
    """Return dollars, rounded half away from zero to a nano-dollar."""
    nano, rest = divmod(abs(femto_usd), FEMTO_PER_NANO)
    nano += 2 * rest >= FEMTO_PER_NANO
    return from_nano_usd(nano if femto_usd >= 0 else -nano)


def _share(part: int, whole: int) -> float:
    return float(Fraction(part, whole)) if whole else 0.0


def shown(used: Sequence[Used]) -> Sequence[Used]:
    """Return the models that a table names."""
    return used[:_MOST_SHOWN]
