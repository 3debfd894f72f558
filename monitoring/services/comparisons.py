"""What each strategy would do with one prompt, side by side; spends nothing and explores nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from accounts.models import Team
from routing.domain import candidates
from routing.domain.catalog import ModelSpec
from routing.domain.decision import Controls, NoEligibleModel, RoutingDecision
from routing.domain.prompt import PromptFeatures
from routing.services import decisions, snapshot
from routing.services.wish import Wish


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one name asked for as the model would lead to; ``failure`` says why where no model can serve the prompt."""

    asked: str
    decision: RoutingDecision | None = None
    chain: tuple[ModelSpec, ...] = ()
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """``outcomes`` has ``auto`` first. ``baseline_cost_usd`` is what the baseline model is expected to cost."""

    features: PromptFeatures | None
    baseline: ModelSpec | None
    baseline_cost_usd: Decimal | None
    outcomes: tuple[Outcome, ...]

    @property
    def active(self) -> Outcome:
        """What happens to this prompt as ``auto``."""
        return self.outcomes[0]


def compare(prompt: str, *, team: Team | None) -> Comparison:
    """Decide a prompt by the active policy, then by each strategy."""
    view = snapshot.current()
    features, baseline, outcomes = None, None, []
    for name in decisions.AUTO_NAMES:
        wish = Wish(
            body={"messages": [{"role": "user", "content": prompt}]},
            requested_model=name,
            controls=Controls(),
            team=None if team is None else view.teams.get(team.id),
        )
        try:
            plan = decisions.plan(view, wish)
        except NoEligibleModel as error:
            outcomes.append(Outcome(name, failure=str(error)))
            continue
        features, baseline = plan.features, plan.baseline
        outcomes.append(Outcome(name, plan.decision, plan.chain))
    return Comparison(features, baseline, _baseline_cost(baseline, features, outcomes), tuple(outcomes))


def _baseline_cost(
    baseline: ModelSpec | None, features: PromptFeatures | None, outcomes: Sequence[Outcome]
) -> Decimal | None:
    """Return what the baseline was priced at beside the model that ``auto`` chose, so that the two can be compared.

    A policy may expect answers of a length that it has learned; a model that it did not consider has the typical one.
    """
    if baseline is None or features is None:
        return None
    auto = outcomes[0].decision
    considered = () if auto is None else auto.considered
    priced = {candidate.model.id: candidate.expected_cost_usd for candidate in considered}
    return priced[baseline.id] if baseline.id in priced else candidates.expected_cost(baseline, features)
