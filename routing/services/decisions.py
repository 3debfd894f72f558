"""Which model a request goes to, and whom to ask when that one fails. Decides from memory; spends nothing."""

from typing import Any

import msgspec
import numpy as np
from msgspec.structs import replace

from accounts.domain.features import Feature, FeatureDisabled
from routing.domain import baseline, candidates, exploration, failover, prompt_features, strategies, team_rules
from routing.domain.catalog import Candidate, ModelSpec
from routing.domain.decision import Controls, NoEligibleModel, RoutingDecision
from routing.domain.policy import RoutingPolicy
from routing.domain.prompt import PromptFeatures
from routing.domain.situation import Situation
from routing.domain.team_rules import PatternRules
from routing.services import assignments, breakers, embeddings, forecasts, sessions, upgrades
from routing.services.assignments import Assignment
from routing.services.snapshot import Snapshot
from routing.services.wish import AUTO, Wish

NAMED = "named"
DEFAULT_STRATEGY = strategies.COMPLEXITY
_NOTHING: frozenset[str] = frozenset()
AUTO_NAMES = (AUTO, *(f"{AUTO}:{name}" for name in strategies.names()))


class ModelNotFound(Exception):
    """No reachable provider offers the model that was asked for."""


class ModelUnpriced(Exception):
    """The model has no price, so that its cost could not be accounted for."""


class Plan(msgspec.Struct, frozen=True, eq=False):
    """A decision with what is needed to carry it out; ``choices`` is ``n``.

    ``equivalents`` are to be asked after the chosen model, None where those follow from what was considered.

    ``vector`` summarizes the prompt where it was needed to decide; ``is_learned_from`` says that it is to be kept.
    ``assignment`` is the arm that decided, of a request that takes part in an experiment. ``cap`` is the limit on
    output that a rule of the team lowered the request's to; ``features`` have it too.
    """

    features: PromptFeatures
    decision: RoutingDecision
    equivalents: tuple[ModelSpec, ...] | None
    baseline: ModelSpec | None
    choices: int = 1
    vector: np.ndarray | None = None
    is_learned_from: bool = False
    assignment: Assignment | None = None
    cap: int | None = None

    @property
    def chain(self) -> tuple[ModelSpec, ...]:
        """The models to ask, the chosen one first; worked out when asked for, which is when that one has failed."""
        chosen = self.decision.chosen.model
        if self.equivalents is not None:
            return (chosen, *self.equivalents)
        return failover.chain(chosen, self.decision.considered)


class _Rule(msgspec.Struct, frozen=True):
    """What decides; ``arm`` keeps the sessions of an experiment's arms apart from each other and from all others.

    ``note`` begins the reasoning.
    """

    strategy: str
    policy: RoutingPolicy | None
    arm: sessions.Arm | None = None
    note: str = ""


def plan(snapshot: Snapshot, wish: Wish) -> Plan:
    """Decide where a request goes.

    Raises:
        ModelNotFound: The model named is not offered by any reachable provider.
        ModelUnpriced: The model named has no price and staff have not allowed it without one.
        NoEligibleModel: No model can serve the request within its controls.
        UnknownStrategy: ``auto:`` is followed by a word that is no strategy.
        SplitNotHeld, UnitMissing: The request cannot take part in the experiment that it names.
        FeatureDisabled: Likewise, because experiments are off, or learned routing, which this one needs.
    """
    assignment = None
    if snapshot.splits or wish.experiment_id is not None:
        assignment = _assignment(snapshot, wish)
    features = prompt_features.extract(wish.body, task=wish.task)
    if assignment is not None:
        found = _in_arm(snapshot, features, wish, assignment)
    elif wish.requested_model == AUTO or wish.requested_model.startswith(f"{AUTO}:"):
        found = _automatic(snapshot, features, wish, _usual_rule(snapshot, wish))
    else:
        found = _named(snapshot, features, wish.requested_model, wish.controls)
    choices = prompt_features.choices(wish.body)
    return found if choices == 1 else replace(found, choices=choices)


def preview(
    snapshot: Snapshot,
    *,
    messages: list[dict[str, Any]],
    strategy: str | None,
    team_id: int | None,
    controls: Controls,
) -> tuple[PromptFeatures, RoutingDecision]:
    """Return the decision that these messages would get now where nothing is explored; same errors as ``plan``.

    A ``strategy`` of None means what ``auto`` does.
    """
    wish = Wish(
        body={"messages": messages},
        requested_model=AUTO if strategy is None else f"{AUTO}:{strategy}",
        controls=controls,
        team=snapshot.teams.get(team_id) if team_id is not None else None,
    )
    found = plan(snapshot, wish)
    return found.features, found.decision


def _usual_rule(snapshot: Snapshot, wish: Wish) -> _Rule:
    policy = snapshot.policy_for(wish.team)
    name = wish.requested_model.partition(":")[2] or (policy.strategy if policy else DEFAULT_STRATEGY)
    if name in strategies.LEARNED and not snapshot.gates.is_enabled(Feature.LEARNED_ROUTING, wish.team):
        return _Rule(strategies.COMPLEXITY, None, note="learned routing is off: ")
    return _Rule(name, policy)


def _assignment(snapshot: Snapshot, wish: Wish) -> Assignment | None:
    """Return the arm of a request, None where it takes part in no experiment, or a feature that this needs is off.

    Without learned routing, no arm of an experiment that has a learned one takes requests: routed by complexity
    under the arm's name, they would tell of something that it is not.
    """
    needed = Feature.EXPERIMENTS
    if snapshot.gates.is_enabled(needed, wish.team):
        found = assignments.of(snapshot.splits, wish)
        needed = Feature.LEARNED_ROUTING
        if found is None or snapshot.gates.is_enabled(needed, wish.team) or not found.running.is_learned:
            return found
    if wish.experiment_id is not None:
        raise FeatureDisabled(needed)
    return None


def _rule_of(assignment: Assignment, snapshot: Snapshot, wish: Wish) -> _Rule:
    arm = (assignment.experiment_id, assignment.arm.name)
    if (policy := assignment.policy) is not None:
        return _Rule(policy.strategy, policy, arm)
    return _Rule(assignment.arm.strategy or DEFAULT_STRATEGY, snapshot.policy_for(wish.team), arm)


def _in_arm(snapshot: Snapshot, features: PromptFeatures, wish: Wish, assignment: Assignment) -> Plan:
    """Decide as the arm does. One that cannot decide keeps its request, which is then routed as outside of it.

    Left out, such requests would make the arm look better than it is.
    """
    where = f"experiment {assignment.experiment_id}, arm {assignment.arm.name}"
    usual = _usual_rule(snapshot, wish)
    # A strategy that the request names does not count here, and is no less a mistake if there is none of its name.
    strategies.get(usual.strategy)
    try:
        found = _automatic(snapshot, features, wish, _rule_of(assignment, snapshot, wish))
    except Exception as error:
        if not isinstance(error, NoEligibleModel):
            assignments.report(assignment.experiment_id, error)
        found = _automatic(snapshot, features, wish, usual)
        where += " (which could not decide)"
    decision = replace(found.decision, reasoning=f"{where}: {found.decision.reasoning}")
    return replace(found, decision=decision, assignment=assignment)


def _automatic(snapshot: Snapshot, features: PromptFeatures, wish: Wish, rule: _Rule) -> Plan:
    team, policy = wish.team, rule.policy
    strategy = strategies.get(rule.strategy)
    learned = policy if rule.strategy in strategies.LEARNED else None
    rules = snapshot.rules_for(team, features.pattern)
    options = candidates.candidates(
        snapshot.routable,
        features,
        wish.controls,
        is_available=breakers.is_available,
        excluded=rules.excluded if rules else _NOTHING,
        output_lengths=None if learned is None else learned.output_lengths,
    )
    vector = None
    situation = Situation(
        features, options, wish.controls, team_min_quality=team.min_quality if team is not None else None
    )
    if learned is not None:
        vector = _vector(learned, features, wish)
        situation = _with_policy(situation, learned, vector, wish, rule.arm)
    if rules is None:
        decision = strategy.decide(situation)
    else:
        decision = team_rules.decide(rules, situation, strategy, may_route=rule.arm is None)
    if rule.arm is None:
        decision = upgrades.held(decision, situation, wish)
    if rule.note:
        decision = replace(decision, reasoning=rule.note + decision.reasoning)
    team_choice = snapshot.resolve(team.baseline_model)[:1] if team is not None and team.baseline_model else ()
    found = Plan(
        features=features,
        decision=decision,
        equivalents=None,
        baseline=baseline.baseline_model(
            snapshot.routable, named=None, team_choice=team_choice[0] if team_choice else None, features=features
        ),
        vector=vector,
        is_learned_from=_is_learned_from(wish, rule.strategy),
    )
    return found if rules is None else _limited(found, rules)


def _limited(found: Plan, rules: PatternRules) -> Plan:
    """Lower the limit on output as the team's rules say, for the chosen model and those asked after it."""
    cap = rules.cap_for(found.decision.chosen.model)
    features = team_rules.limited(found.features, cap)
    if features is None:
        return found
    reasoning = f"{found.decision.reasoning}; a rule of the team caps max_tokens at {cap}"
    return replace(found, features=features, decision=replace(found.decision, reasoning=reasoning), cap=cap)


def _vector(policy: RoutingPolicy | None, features: PromptFeatures, wish: Wish) -> np.ndarray | None:
    """Return the prompt's vector where the policy decides by it."""
    if policy is None or policy.predictor is None:
        return None
    messages = wish.body["messages"]
    return embeddings.encode(
        prompt_features.prompt_text(messages),
        turns=prompt_features.turns(messages),
        complexity_score=features.complexity_score,
    )


def _is_learned_from(wish: Wish, strategy_name: str) -> bool:
    """Whether the prompt's vector is kept: never that of a model or of a rule asked for by name."""
    is_routed = wish.requested_model == AUTO or strategy_name in strategies.LEARNED
    return is_routed and wish.request_id is not None and wish.team is not None and wish.team.keeps_embeddings


def _with_policy(
    situation: Situation,
    policy: RoutingPolicy,
    vector: np.ndarray | None,
    wish: Wish,
    arm: sessions.Arm | None,
) -> Situation:
    found = None
    if vector is not None and policy.predictor is not None:
        text = prompt_features.prompt_text(wish.body["messages"])
        found = forecasts.forecasts(policy, vector, text=text, features=situation.features)
    session = None
    if wish.session_id is not None and wish.team is not None:
        session = sessions.find(wish.team.id, wish.session_id, arm=arm)
    draw = None if wish.request_id is None else exploration.draw_of(wish.request_id, policy.version)
    return replace(situation, policy=policy, forecasts=found, session=session, draw=draw)


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
    return Plan(features, decision, failover.equivalents(chosen, usable), chosen)


def _why_not_found(snapshot: Snapshot, name: str) -> str:
    provider = snapshot.unreachable.get(name)
    if provider is not None:
        return (
            f"Model '{name}' is offered by provider '{provider}', which is not reachable: set its API key (see "
            ".env.example) or enable it in the admin."
        )
    return f"Model '{name}' does not exist here. GET /v1/models lists what does; 'auto' chooses for you."
