"""Explains a decision from its ledger row, and says what another version of the policy would have done."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
from msgspec.structs import replace

from accounts.services import encryption
from routing.domain import (
    exploration,
    logged_choice,
    prompt_features,
    repricing,
    strategies,
    team_rules,
    traffic_split,
    upgrades,
)
from routing.domain.catalog import Candidate
from routing.domain.decision import NoEligibleModel, RoutingDecision
from routing.domain.policy import RoutingPolicy
from routing.domain.situation import Situation
from routing.models import LedgerEntry, PolicyActivation, StoredPrompt, TrafficSplit
from routing.selectors import policies as policy_selectors
from routing.services import answer_copies, decisions, embeddings, forecasts, policies, snapshot
from routing.services.policies import PolicyNotFound
from routing.services.wish import AUTO

_OTHERWISE_DECIDED = {
    decisions.NAMED: "the caller asked for this model",
    team_rules.STRATEGY: "a rule of the team decides",
    upgrades.STRATEGY: "the limit on the team's upgrades decides",
}


@dataclass(frozen=True, slots=True)
class Alternative:
    """What another version would have done; ``approximations`` are reasons why that is not certain.

    ``decision`` is None where the version would have had no say, or no model for the request; ``reasoning`` says which.
    """

    version: int
    strategy: str | None
    draw: float | None
    decision: RoutingDecision | None
    reasoning: str
    approximations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """``draw`` is the number that the request drew under the policy; ``chosen_model`` is what was asked first."""

    entry: LedgerEntry
    chosen_model: str | None
    draw: float | None
    activation: PolicyActivation | None
    alternative: Alternative | None


def explain(entry: LedgerEntry, *, policy_version: int | None = None) -> Explanation:
    """Explain a row, and what ``policy_version`` would have done in its place where one is named.

    Raises:
        PolicyNotFound: The version is neither of the row's team nor a shared one.
        InvalidPolicy: It cannot be loaded.
    """
    own = entry.policy_version
    begun = PolicyActivation.objects.filter(policy=own, activated_at__lte=entry.created_at)
    return Explanation(
        entry=entry,
        chosen_model=_chosen_model(entry),
        draw=None if own is None else exploration.draw_of(str(entry.request_id), own),
        activation=None if own is None else begun.order_by("-activated_at", "-id").first(),
        alternative=None if policy_version is None else replay(entry, _loaded(entry, policy_version)),
    )


def replay(entry: LedgerEntry, policy: RoutingPolicy) -> Alternative:
    """Decide a logged request anew by a policy, from what is still known of it."""
    version = policy.version
    strategy = _strategy_under(entry, policy)
    if strategy not in strategies.LEARNED:
        why = _OTHERWISE_DECIDED.get(entry.strategy, "complexity decides")
        return Alternative(version, strategy, None, None, f"No policy has a say in this request: {why}.")
    draw = exploration.draw_of(str(entry.request_id), version)
    situation, approximations = _situation(entry, policy, draw)
    try:
        decision = strategies.get(strategy).decide(situation)
    except NoEligibleModel as error:
        return Alternative(version, strategy, draw, None, str(error), approximations)
    return Alternative(version, strategy, draw, decision, decision.reasoning, approximations)


def _chosen_model(entry: LedgerEntry) -> str | None:
    if entry.attempts:
        first: Mapping[str, Any] = entry.attempts[0]
        return f"{first['provider']}/{first['model']}"
    return None if entry.served_model is None else f"{entry.provider}/{entry.served_model}"


def _loaded(entry: LedgerEntry, version: int) -> RoutingPolicy:
    row = policy_selectors.visible_to(entry.team).filter(version=version).select_related("predictor").first()
    if row is None:
        raise PolicyNotFound(f"There is no policy {version} for the team of this request.")
    return policies.load(row)


def _strategy_under(entry: LedgerEntry, policy: RoutingPolicy) -> str:
    """Return the strategy that a policy would have been asked for: its own, unless the caller or an arm names one."""
    if entry.strategy in (team_rules.STRATEGY, upgrades.STRATEGY):
        return entry.strategy
    if entry.experiment_id is not None:
        names_version = _names_version(entry.experiment_id, entry.experiment_arm)
        return policy.strategy if names_version and policy.version != entry.policy_version else entry.strategy
    return policy.strategy if entry.requested_model == AUTO else entry.strategy


def _names_version(experiment_id: int, arm_name: str | None) -> bool:
    """Whether the arm of the request is a version of the policy, and no strategy."""
    split = TrafficSplit.objects.filter(experiment_id=experiment_id).first()
    arms = () if split is None else traffic_split.parse(split.arms)
    return any(arm.name == arm_name and arm.policy_version is not None for arm in arms)


def _situation(entry: LedgerEntry, policy: RoutingPolicy, draw: float) -> tuple[Situation, tuple[str, ...]]:
    logged = logged_choice.situation(
        candidates=entry.candidates,
        pattern=entry.pattern,
        complexity_score=entry.complexity_score,
        complexity_tier=entry.complexity_tier,
        task=entry.task,
        min_quality=entry.min_quality,
    )
    situation = replace(logged, policy=policy, draw=draw, team_min_quality=entry.team.min_quality)
    approximations = []
    if policy.version != entry.policy_version:
        priced = _repriced(entry, situation, policy)
        if priced != situation.candidates:
            situation = replace(situation, candidates=priced)
            approximations.append("It expects answers of another length: candidates are priced anew, at today's rates.")
    if entry.session_id is not None:
        approximations.append("The session's earlier requests are left out: staying with its model is not replayed.")
    if policy.predictor is not None:
        text = _kept_text(entry.request_id)
        vector = _vector(entry, text)
        if vector is None:
            approximations.append("The prompt's vector is not kept, so the predictor could not be asked.")
        else:
            found = forecasts.forecasts(policy, vector, text=text, features=situation.features)
            situation = replace(situation, forecasts=found)
            if text is None:
                approximations.append("The prompt's text is not kept: the predictor was asked by its vector alone.")
    return situation, tuple(approximations)


def _repriced(entry: LedgerEntry, situation: Situation, policy: RoutingPolicy) -> tuple[Candidate, ...]:
    found = repricing.repriced(
        situation.candidates,
        logged_tokens={one["model"]: one.get("expected_output_tokens") for one in entry.candidates},
        features=replace(situation.features, max_output_tokens=entry.max_tokens),
        policy=policy,
        rates=repricing.output_rates(snapshot.current().models),
    )
    return tuple(found)


def _vector(entry: LedgerEntry, text: str | None) -> np.ndarray | None:
    kept = embeddings.vectors([entry.request_id]).get(entry.request_id)
    if kept is not None or text is None:
        return kept
    return embeddings.encode(text, complexity_score=entry.complexity_score)


def _kept_text(request_id: UUID) -> str | None:
    """Return the last message of the user, where the team keeps its prompts and they can still be read."""
    kept = StoredPrompt.objects.filter(request_id=request_id).first()
    if kept is None:
        return None
    try:
        return prompt_features.prompt_text(answer_copies.stored_messages(kept))
    except encryption.CannotDecrypt:
        return None
