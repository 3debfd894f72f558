"""Lays logged decisions out for the off-policy estimators, decided again by each policy in question."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from learning.domain import off_policy, reward_model
from learning.domain.cluster_jackknife import FloatArray
from learning.domain.logged_decision import SAME_ODDS, LoggedDecision
from learning.domain.off_policy import Comparison, Odds, Outcome
from learning.domain.reward_model import Observations, ShrunkenMeans

QUALITY, COST = "quality", "cost"
# The odds of a policy on a decision; None where it cannot be told what it would have decided.
Decide = Callable[[LoggedDecision], Mapping[str, float] | None]
NANO_USD = 1e9


@dataclass(frozen=True, slots=True)
class PolicyScores:
    """What the log says of two policies, and how much of it could be used.

    ``left_out`` counts decisions by why they say nothing; ``unnamed_share`` is of those without a user, which count as
    independent of each other; ``withdrawn_share`` is the target's mass in [0, 1] on models no longer open to routing.
    """

    comparison: Comparison
    left_out: Mapping[str, int]
    unnamed_share: float
    withdrawn_share: float


@dataclass(slots=True)
class _Table:
    """The decisions that can be used, by column; ``target`` and ``active`` hold the odds of all options."""

    users: list[str] = field(default_factory=list)
    is_named: list[bool] = field(default_factory=list)
    categories: list[str] = field(default_factory=list)
    chosen: list[str] = field(default_factory=list)
    propensities: list[float] = field(default_factory=list)
    rewards: list[float] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)
    expected_costs: list[dict[str, float]] = field(default_factory=list)
    target: list[dict[str, float]] = field(default_factory=list)
    active: list[dict[str, float]] = field(default_factory=list)
    supported: list[frozenset[str]] = field(default_factory=list)

    def add(
        self,
        decision: LoggedDecision,
        *,
        logging: Mapping[str, float],
        target: Mapping[str, float],
        active: Mapping[str, float],
    ) -> None:
        self.users.append(decision.user)
        self.is_named.append(decision.is_named_user)
        self.categories.append(decision.category)
        self.chosen.append(decision.chosen)
        self.propensities.append(decision.propensity)
        self.rewards.append(decision.reward)
        self.costs.append(decision.cost_nano_usd / NANO_USD)
        # Only what some policy would choose, or the log did, is asked for again: two or three of many options.
        self.target.append(_positive(target))
        self.active.append(_positive(active))
        wanted = {decision.chosen, *self.target[-1], *self.active[-1]}
        self.expected_costs.append(
            {
                option.full_name: float(option.expected_cost_usd)
                for option in decision.options
                if option.full_name in wanted
            }
        )
        self.supported.append(frozenset(_positive(logging)))


def score(
    decisions: Iterable[LoggedDecision],
    *,
    logging: Decide,
    target: Decide,
    active: Decide,
    routable: frozenset[str],
) -> PolicyScores:
    """Score ``target`` against ``active`` on what ``logging`` decided.

    A decision is used only where its policy, asked again, gives the odds that were written down. Where it does not,
    something decided that the log does not hold (the model of a session whose prompts were cached, a minimum of quality
    of the request's own), and no other policy can be asked either.

    Args:
        routable: Full names of the models that ``auto`` may choose now.
    """
    table = _Table()
    left_out: Counter[str] = Counter()
    for decision in decisions:
        odds = {"logging": logging(decision), "target": target(decision), "active": active(decision)}
        reason = _why_not(decision, odds)
        if reason is not None:
            left_out[reason] += 1
            continue
        table.add(decision, **{name: given or {} for name, given in odds.items()})
    return PolicyScores(
        comparison=_compare(table),
        left_out=dict(sorted(left_out.items())),
        unnamed_share=1.0 - _mean(table.is_named) if table.users else 0.0,
        withdrawn_share=_mean(
            [sum(share for name, share in odds.items() if name not in routable) for odds in table.target]
        ),
    )


def _why_not(decision: LoggedDecision, odds: Mapping[str, Mapping[str, float] | None]) -> str | None:
    logged = odds["logging"]
    if logged is None:
        return "the policy that decided cannot be read any more"
    if abs(logged.get(decision.chosen, 0.0) - decision.propensity) > SAME_ODDS:
        return "decided by something that is not kept, such as the model of a session"
    if odds["target"] is None or odds["active"] is None:
        return "the prompt's vector is not kept"
    if not odds["target"] or not odds["active"]:
        return "a policy would have refused the request"
    return None


def _compare(table: _Table) -> Comparison:
    folds = np.array([reward_model.fold_of(user) for user in table.users], dtype=np.int64)
    codes = {user: code for code, user in enumerate(dict.fromkeys(table.users))}
    return off_policy.compare(
        clusters=np.array([codes[user] for user in table.users], dtype=np.int64),
        propensities=np.array(table.propensities, dtype=np.float64),
        target=_odds(table, table.target),
        active=_odds(table, table.active),
        outcomes={
            QUALITY: _outcome(table, folds, table.rewards, [dict.fromkeys(row, 1.0) for row in table.expected_costs]),
            COST: _outcome(table, folds, table.costs, table.expected_costs),
        },
    )


def _odds(table: _Table, policy: list[dict[str, float]]) -> Odds:
    rows = zip(policy, table.chosen, table.supported, strict=True)
    found = [
        (odds.get(chosen, 0.0), sum(share for name, share in odds.items() if name not in supported))
        for odds, chosen, supported in rows
    ]
    # Sums of shares are rounded.
    columns = np.minimum(np.array(found, dtype=np.float64).reshape(-1, 2), 1.0)
    return Odds(logged=columns[:, 0], unsupported=columns[:, 1])


def _outcome(table: _Table, folds: np.ndarray, observed: list[float], sizes: list[dict[str, float]]) -> Outcome:
    """Predict each outcome as a shrunken ratio of what the option was expected to be, cross-fitted by user."""
    outcomes = np.array(observed, dtype=np.float64)
    model = ShrunkenMeans(
        Observations(
            categories=table.categories,
            actions=table.chosen,
            folds=folds,
            outcomes=outcomes,
            sizes=np.array([row[chosen] for row, chosen in zip(sizes, table.chosen, strict=True)], dtype=np.float64),
        )
    )

    def predicted(position: int, odds: Mapping[str, float]) -> float:
        fold, category = int(folds[position]), table.categories[position]
        return sum(share * sizes[position][name] * model.predict(fold, category, name) for name, share in odds.items())

    def column(policy: Iterable[Mapping[str, float]]) -> FloatArray:
        return np.array([predicted(position, odds) for position, odds in enumerate(policy)], dtype=np.float64)

    return Outcome(
        observed=outcomes,
        predicted=column({chosen: 1.0} for chosen in table.chosen),
        under_target=column(table.target),
        under_active=column(table.active),
    )


def _positive(odds: Mapping[str, float]) -> dict[str, float]:
    return {name: share for name, share in odds.items() if share > 0}


def _mean(values: "list[bool] | list[float]") -> float:
    return sum(values) / len(values) if values else 0.0
