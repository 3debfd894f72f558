"""Publishes, activates and restores routing policies.

Activations of all scopes take turns: each begins by counting a change of configuration, and the row of that count is
locked until its transaction ends. A ``team`` of None means the policy that teams share.
"""

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from django.db import transaction

from accounts.models import Team
from accounts.services import config_version
from routing.domain import policy as policy_domain
from routing.domain import predictor as predictor_domain
from routing.domain import prompt_encoder
from routing.domain.policy import Forecast, InvalidPolicy, Predictor, RoutingPolicy
from routing.domain.prompt import PATTERNS
from routing.models import PolicyActivation, PolicyVersion, PredictorModel

logger = logging.getLogger(__name__)

State = PolicyVersion.State
Kind = PolicyActivation.Kind
# Of the numbers of a real prompt's vector.
_PROBE_SCALE = 0.1
_NEVER_ACTIVE = (State.CANDIDATE, State.ON_TRIAL, State.REJECTED)
# Policies that could not be loaded and have been reported.
_refused: set[int] = set()


class PolicyNotFound(Exception):
    """There is no such policy in this scope."""


class PolicyNotUsable(Exception):
    """The policy is in no state in which this can be done with it."""


def publish(
    *,
    team: Team | None,
    document: Mapping[str, Any],
    source: str,
    actor: str,
    note: str = "",
    predictor: PredictorModel | None = None,
    now: datetime,
) -> PolicyVersion:
    """Store a policy as a candidate, after reading it as decisions will.

    Raises:
        InvalidPolicy: The document or the predictor is not one to route by; nothing is stored.
    """
    team_id = None if team is None else team.id
    parsed = policy_domain.parse(document, version=0, team_id=team_id, predictor=_checked(predictor))
    stored = policy_domain.document_of(parsed)
    return PolicyVersion.objects.create(
        team=team,
        source=source,
        document=stored,
        predictor=predictor,
        content_hash=_content_hash(stored, predictor),
        note=note[:500],
        created_by=actor,
        created_at=now,
    )


def activate(policy: PolicyVersion, *, kind: str, actor: str, reason: str, now: datetime) -> PolicyActivation:
    """Let a policy route, in place of the one that does; every process follows within a second.

    Raises:
        InvalidPolicy: It cannot be loaded, or its predictor gives no usable forecasts; the active one stays.
        PolicyNotUsable: It was rejected, or routes already.
    """
    load(policy)
    with transaction.atomic():
        config_version.bump()
        state = PolicyVersion.objects.values_list("state", flat=True).get(version=policy.version)
        if state not in (State.CANDIDATE, State.ON_TRIAL, State.RETIRED):
            raise PolicyNotUsable(
                f"Policy {policy.version} is {state}: only a candidate or retired one, or one on trial, can start."
            )
        replaced = _retire(policy.team)
        PolicyVersion.objects.filter(version=policy.version).update(state=State.ACTIVE)
        policy.state = State.ACTIVE
        return _record(policy.team, policy, replaced, kind, actor, reason, now)


def rollback(*, version: int, team: Team | None, actor: str, reason: str, now: datetime) -> PolicyActivation:
    """Let a policy route again that has routed before.

    Raises:
        PolicyNotFound: This scope has no policy of that version.
        PolicyNotUsable: It has never routed, or routes already.
        InvalidPolicy: It can no longer be loaded; the active one stays.
    """
    policy = PolicyVersion.objects.filter(version=version, team=team).first()
    if policy is None:
        raise PolicyNotFound(f"There is no policy {version} here. Its versions are listed in the admin.")
    if policy.state in _NEVER_ACTIVE:
        raise PolicyNotUsable(f"Policy {version} has never routed ({policy.state}), so there is nothing to restore.")
    return activate(policy, kind=Kind.ROLLBACK, actor=actor, reason=reason, now=now)


def withdraw(*, team: Team | None, actor: str, reason: str, now: datetime) -> PolicyActivation:
    """Retire the active policy without another: ``auto`` means complexity again; raises PolicyNotFound without one."""
    with transaction.atomic():
        config_version.bump()
        replaced = _retire(team)
        if replaced is None:
            raise PolicyNotFound("No policy is active here, so there is none to withdraw.")
        return _record(team, None, replaced, Kind.WITHDRAWAL, actor, reason, now)


def put_on_trial(policy: PolicyVersion) -> None:
    """Let a candidate wait for an experiment to decide about it; raises PolicyNotUsable for any other state."""
    _move(policy, (State.CANDIDATE,), State.ON_TRIAL, f"Policy {policy.version} is no candidate to be put on trial.")


def reject(policy: PolicyVersion) -> None:
    """Mark a candidate, or one on trial, as one that will not route; raises PolicyNotUsable for any other state."""
    refusal = f"Policy {policy.version} is neither a candidate nor on trial, so it cannot be rejected."
    _move(policy, (State.CANDIDATE, State.ON_TRIAL), State.REJECTED, refusal)


def load(policy: PolicyVersion) -> RoutingPolicy:
    """Return a policy as decisions are made from it.

    Raises:
        InvalidPolicy: The document or the predictor is not what was published, cannot be read, or the predictor's
            forecasts are not finite numbers in their range.
    """
    if policy.content_hash != _content_hash(policy.document, policy.predictor):
        raise InvalidPolicy(f"Policy {policy.version} is not what was published: its content hash differs.")
    predictor = _checked(policy.predictor)
    return policy_domain.parse(policy.document, version=policy.version, team_id=policy.team_id, predictor=predictor)


def active_policies(held: Mapping[int | None, RoutingPolicy]) -> dict[int | None, RoutingPolicy]:
    """Load the policies that route, by id of their team, None for the shared one; those in ``held`` are kept.

    Where one cannot be loaded, what was held for its team stays in force, and an error is logged once.
    """
    found: dict[int | None, RoutingPolicy] = {}
    rows = PolicyVersion.objects.filter(state=State.ACTIVE).defer("document")
    for row in rows:
        before = held.get(row.team_id)
        if before is None or before.version != row.version:
            before = _load_or_keep(row, before)
        if before is not None:
            found[row.team_id] = before
    return found


def _load_or_keep(row: PolicyVersion, before: RoutingPolicy | None) -> RoutingPolicy | None:
    try:
        return load(row)
    except InvalidPolicy as error:
        if row.version not in _refused:
            _refused.add(row.version)
            kept = f"policy {before.version} stays" if before else "the complexity strategy stays"
            logger.error("Policy %s cannot be loaded, %s: %s", row.version, kept, error)
        return before


def store_predictor(content: bytes, *, summary: Mapping[str, Any], trained_at: datetime) -> PredictorModel:
    """Keep a trained predictor, once however often it is stored; raises InvalidPolicy for one not to route by."""
    _probed(content)
    sha256 = hashlib.sha256(content).hexdigest()
    stored, _ = PredictorModel.objects.get_or_create(
        sha256=sha256, defaults={"content": content, "summary": dict(summary), "trained_at": trained_at}
    )
    return stored


def _move(policy: PolicyVersion, begin: Sequence[State], end: State, refusal: str) -> None:
    with transaction.atomic():
        # An experiment may route by a policy that is being rejected.
        config_version.bump()
        if not PolicyVersion.objects.filter(version=policy.version, state__in=begin).update(state=end):
            raise PolicyNotUsable(refusal)
    policy.state = end


def _retire(team: Team | None) -> PolicyVersion | None:
    active = PolicyVersion.objects.filter(team=team, state=State.ACTIVE).first()
    if active is not None:
        PolicyVersion.objects.filter(version=active.version).update(state=State.RETIRED)
    return active


def _record(
    team: Team | None,
    policy: PolicyVersion | None,
    replaced: PolicyVersion | None,
    kind: str,
    actor: str,
    reason: str,
    now: datetime,
) -> PolicyActivation:
    return PolicyActivation.objects.create(
        team=team, policy=policy, replaced=replaced, kind=kind, actor=actor, reason=reason[:500], activated_at=now
    )


def _content_hash(document: Mapping[str, Any], predictor: PredictorModel | None) -> str:
    try:
        text = json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidPolicy(f"The document is not plain JSON: {error}") from error
    return hashlib.sha256(f"{text}\n{predictor.sha256 if predictor else ''}".encode()).hexdigest()


def _checked(stored: PredictorModel | None) -> Predictor | None:
    if stored is None:
        return None
    content = bytes(stored.content)
    if hashlib.sha256(content).hexdigest() != stored.sha256:
        raise InvalidPolicy(f"Predictor {stored.sha256[:12]} is not what was trained: its hash differs.")
    return _probed(content)


def _probed(content: bytes) -> Predictor:
    """Return the predictor in ``content`` after asking it for forecasts of a few made-up prompts."""
    predictor = _predictor(content)
    if predictor.encoder != prompt_encoder.ENCODER:
        raise InvalidPolicy(
            f"The predictor was trained on vectors of {predictor.encoder!r}, and prompts are encoded by "
            f"{prompt_encoder.ENCODER!r} here: train it anew."
        )
    if not predictor.model_names:
        raise InvalidPolicy("The predictor knows no model: train it on outcomes of at least two.")
    rng = np.random.default_rng(0)
    for pattern in PATTERNS:
        vector = rng.normal(scale=_PROBE_SCALE, size=prompt_encoder.DIMENSIONS).astype(np.float32)
        for text in ("What is the capital of Norway?", None):
            _check_forecasts(_forecast(predictor, vector, text, pattern), predictor)
    return predictor


def _forecast(predictor: Predictor, vector: np.ndarray, text: str | None, pattern: str) -> Mapping[str, Forecast]:
    try:
        return predictor.forecast(vector, text=text, task=None, pattern=pattern)
    except Exception as error:
        raise InvalidPolicy(f"The predictor fails on a made-up prompt: {type(error).__name__}.") from error


def _check_forecasts(forecasts: Mapping[str, Forecast], predictor: Predictor) -> None:
    missing = set(predictor.model_names) - set(forecasts)
    if missing:
        raise InvalidPolicy(f"The predictor gives no forecast for {', '.join(sorted(missing))}.")
    for name, forecast in forecasts.items():
        if not policy_domain.is_sound(forecast):
            raise InvalidPolicy(f"The predictor forecasts {forecast.mean} (at least {forecast.lower}) for {name}.")


def _predictor(content: bytes) -> Predictor:
    try:
        return predictor_domain.load(content)
    except predictor_domain.InvalidPredictor as error:
        raise InvalidPolicy(str(error)) from error
