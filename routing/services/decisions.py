"""Which model a request goes to, and whom to ask when that one fails. Decides from memory; spends nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from routing.domain import baseline, candidates, failover, prompt_features, strategies
from routing.domain.catalog import Candidate, ModelSpec
from routing.domain.decision import Controls, NoEligibleModel, RoutingDecision
from routing.domain.prompt import PromptFeatures
from routing.services import breakers
from routing.services.snapshot import Snapshot

AUTO = "auto"
NAMED = "named"
DEFAULT_STRATEGY = "complexity"
# Strategies of learned policies. As long as no policy has been learned they decide by complexity, and say so.
LEARNED_STRATEGIES = ("learning", "hybrid")
AUTO_NAMES = (AUTO, *(f"{AUTO}:{name}" for name in (DEFAULT_STRATEGY, *LEARNED_STRATEGIES)))


class ModelNotFound(Exception):
    """No reachable provider offers the model that was asked for."""


class ModelUnpriced(Exception):
    """The model has no price, so that its cost could not be accounted for."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A decision with what is needed to carry it out; ``chain`` starts with the chosen model, ``choices`` is ``n``."""

    features: PromptFeatures
    decision: RoutingDecision
    chain: tuple[ModelSpec, ...]
    baseline: ModelSpec | None
    choices: int = 1


def plan(
    snapshot: Snapshot,
    *,
    body: Mapping[str, Any],
    requested_model: str,
    controls: Controls,
    task: str | None,
    team_baseline: str,
) -> Plan:
    """Decide for an OpenAI chat-completions body.

    Args:
        requested_model: ``auto``, ``auto:<strategy>`` or the name of a model.
        team_baseline: Name of the model the team measures savings against; empty for the default.

    Raises:
        ModelNotFound: The model named is not offered by any reachable provider.
        ModelUnpriced: The model named has no price and staff have not allowed it without one.
        NoEligibleModel: No model can serve the request within its controls.
        UnknownStrategy: ``auto:`` is followed by a word that is no strategy.
    """
    features = prompt_features.extract(body, task=task)
    if requested_model == AUTO or requested_model.startswith(f"{AUTO}:"):
        found = _automatic(snapshot, features, requested_model.partition(":")[2], controls, team_baseline)
    else:
        found = _named(snapshot, features, requested_model, controls)
    return replace(found, choices=prompt_features.choices(body))


def preview(
    snapshot: Snapshot,
    *,
    messages: list[dict[str, Any]],
    strategy: str,
    team_id: int | None,
    controls: Controls,
) -> tuple[PromptFeatures, RoutingDecision]:
    """Return the decision that these messages would get now; same errors as ``plan``."""
    team = snapshot.teams.get(team_id) if team_id is not None else None
    found = plan(
        snapshot,
        body={"messages": messages},
        requested_model=f"{AUTO}:{strategy}",
        controls=controls,
        task=None,
        team_baseline=team.baseline_model if team else "",
    )
    return found.features, found.decision


def _automatic(
    snapshot: Snapshot, features: PromptFeatures, strategy_name: str, controls: Controls, team_baseline: str
) -> Plan:
    name = strategy_name or DEFAULT_STRATEGY
    is_unlearned = name in LEARNED_STRATEGIES and name not in strategies.names()
    strategy = strategies.get(DEFAULT_STRATEGY if is_unlearned else name)
    options = candidates.candidates(snapshot.routable, features, controls, is_available=breakers.is_available)
    decision = strategy.decide(features, options, controls)
    if is_unlearned:
        decision = replace(decision, reasoning=f"no learned policy is active yet; {decision.reasoning}")
    team_choice = snapshot.resolve(team_baseline)[:1] if team_baseline else ()
    return Plan(
        features=features,
        decision=decision,
        chain=failover.chain(decision.chosen.model, options),
        baseline=baseline.baseline_model(
            snapshot.routable, named=None, team_choice=team_choice[0] if team_choice else None, features=features
        ),
    )


def _named(snapshot: Snapshot, features: PromptFeatures, name: str, controls: Controls) -> Plan:
    offers = snapshot.resolve(name)
    if not offers:
        raise ModelNotFound(_why_not_found(snapshot, name))
    usable = [model for model in offers if model.price is not None or model.allow_unpriced]
    if not usable:
        raise ModelUnpriced(
            f"Model '{name}' has no price, so its cost could not be accounted for. Ask for another model, or have "
            "staff enter a price for it or allow it without one (admin: Language models)."
        )
    chosen = next((model for model in usable if breakers.is_available(model)), usable[0])
    expected = candidates.expected_cost(chosen, features)
    if controls.max_cost_usd is not None and expected is not None and expected > controls.max_cost_usd:
        raise NoEligibleModel(
            f"Model '{name}' is expected to cost {expected.normalize():f} USD here, more than the maximum of "
            f"{controls.max_cost_usd:f} USD. Raise x-optimizer-max-cost-usd or ask for 'auto'."
        )
    decision = RoutingDecision(
        strategy=NAMED,
        chosen=Candidate(chosen, expected),
        considered=(Candidate(chosen, expected),),
        confidence=None,
        propensity=1.0,
        reasoning="the caller asked for this model",
    )
    return Plan(features, decision, failover.named_chain(chosen, usable), chosen)


def _why_not_found(snapshot: Snapshot, name: str) -> str:
    provider = snapshot.unreachable.get(name)
    if provider is not None:
        return (
            f"Model '{name}' is offered by provider '{provider}', which is not reachable: set its API key (see "
            ".env.example) or enable it in the admin."
        )
    return f"Model '{name}' does not exist here. GET /v1/models lists what does; 'auto' chooses for you."
