"""What the same tokens would have cost elsewhere: bounds, not promises.

A log of usage says nothing of what a prompt asked for, and so nothing of which model would have answered it well. What
can be computed is the price of the same tokens on another model. Four rules bound what routing can save; each moves
all requests that a logged model answered to one other model of the catalog, or leaves them where they are.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from insights.domain.savings.price_book import PriceBook, PricedModel
from insights.domain.savings.tally import Edges, Group, Key
from routing.domain.catalog import TIERS

Groups = Mapping[Key, Group]


@dataclass(frozen=True, slots=True)
class Move:
    """Where the requests of one logged model go: ``to`` is None where they stay. Money in femto-dollars."""

    model: PricedModel
    to: PricedModel | None
    paid_femto_usd: int
    cost_femto_usd: int


@dataclass(frozen=True, slots=True)
class OnOne:
    """All requests on one candidate; those that do not fit it, or are older than its price, stay where they were."""

    model: PricedModel
    cost_femto_usd: int
    moved_requests: int
    moved_rows: int


class Comparison:
    """Prices the groups of a log on models of the catalog."""

    def __init__(self, book: PriceBook, edges: Edges, groups: Groups) -> None:
        self._book = book
        self._edges = edges
        self._groups = groups
        self._models = {model.id: model for model in book.models}
        self._of_model: dict[int, dict[Key, Group]] = {}
        for key, group in groups.items():
            self._of_model.setdefault(key.model_id, {})[key] = group

    @property
    def paid_femto_usd(self) -> int:
        """What all compared requests cost by the price book, each on its own model."""
        return _paid(self._groups)

    def used(self) -> list[tuple[PricedModel, dict[Key, Group]]]:
        """Return the models of the log with their groups, the dearest first."""
        found = [(self._models[model_id], groups) for model_id, groups in self._of_model.items()]
        return sorted(found, key=lambda each: (-_paid(each[1]), each[0].full_name))

    def on_one(self, model: PricedModel, groups: Groups | None = None) -> OnOne:
        """Price all requests, or some, on one model."""
        cost = requests = rows = 0
        for key, group in (self._groups if groups is None else groups).items():
            elsewhere = self._cost(model, key, group)
            if elsewhere is None:
                cost += group.cost_femto_usd
            else:
                cost += elsewhere
                requests += group.tokens.requests
                rows += group.rows
        return OnOne(model, cost, requests, rows)

    def all_on_one(self) -> list[OnOne]:
        """Price all requests on each candidate."""
        return [self.on_one(model) for model in self._book.candidates]

    def same_provider(self) -> list[Move]:
        """Move each model's requests to the cheapest of its own tier and provider, where that is cheaper."""
        return self._moves(lambda model, other: other.tier == model.compared_tier and other.provider == model.provider)

    def same_tier(self) -> list[Move]:
        """Move each model's requests to the cheapest of its own tier, where that is cheaper."""
        return self._moves(lambda model, other: other.tier == model.compared_tier)

    def tier_below(self) -> list[Move]:
        """Move each model's requests to the cheapest of its own tier or the next one down, where that is cheaper."""
        return self._moves(lambda model, other: other.tier in _own_and_next_below(model.compared_tier))

    def cheapest(self) -> list[Move]:
        """Move each model's requests to the cheapest of all, whatever its tier: the bound of what is thinkable."""
        return self._moves(lambda _model, _other: True)

    def by_prompt(self) -> dict[Key, tuple[PricedModel, int]]:
        """Send the requests whose prompts were read to the cheapest model of the prompt's tier, dearer or not.

        That is the rule ``complexity``, by which the router decides while it has learned nothing
        (``routing.domain.cold_start``): where a tier has no model that fits, the next one up answers, then those below.

        Returns:
            For each group with a prompt's tier, the model and its cost in femto-dollars.
        """
        found: dict[Key, tuple[PricedModel, int]] = {}
        for key, group in self._groups.items():
            if key.prompt_tier is None:
                continue
            place = TIERS.index(key.prompt_tier)
            for tier in TIERS[place:] + TIERS[:place][::-1]:
                options = [(cost, model) for model, cost in self._options({tier}, key, group)]
                if options:
                    cost, model = min(options, key=lambda each: (each[0], each[1].full_name))
                    found[key] = (model, cost)
                    break
        return found

    def under(self, move: Move, groups: Groups) -> int:
        """Price groups of the move's model where it sends them."""
        return _paid(groups) if move.to is None else self.on_one(move.to, groups).cost_femto_usd

    def _moves(self, allows: Callable[[PricedModel, PricedModel], bool]) -> list[Move]:
        moves = []
        for model, groups in self.used():
            paid = _paid(groups)
            others = [other for other in self._book.candidates if other.id != model.id and allows(model, other)]
            options = [(self.on_one(other, groups).cost_femto_usd, other) for other in others]
            cost, to = min(options, key=lambda each: (each[0], each[1].full_name), default=(paid, None))
            moves.append(Move(model, to, paid, cost) if cost < paid else Move(model, None, paid, paid))
        return moves

    def _options(self, tiers: set[str], key: Key, group: Group) -> Iterable[tuple[PricedModel, int]]:
        for model in self._book.candidates:
            if model.tier in tiers and (cost := self._cost(model, key, group)) is not None:
                yield model, cost

    def _cost(self, model: PricedModel, key: Key, group: Group) -> int | None:
        """Price a group on a model; None where it does not fit it or has no price then."""
        if model.id == key.model_id:
            return group.cost_femto_usd
        ladder = self._book.ladder(model, key.epoch)
        if ladder is None or not self._edges.fits(model, key):
            return None
        return ladder.at(self._edges.shortest(key)).cost(group.tokens)


def _own_and_next_below(tier: str) -> tuple[str, ...]:
    place = TIERS.index(tier)
    return TIERS[max(0, place - 1) : place + 1]


def _paid(groups: Groups) -> int:
    return sum(group.cost_femto_usd for group in groups.values())
