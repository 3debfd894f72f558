"""Plans a calibration: which prompts, which models, and what it will cost. Spends nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from accounts.models import Team
from learning.models import Calibration, EvaluationSet
from learning.services import replay_prompts
from learning.services.calibration_costs import CostBook
from learning.services.graders import http as http_grader
from learning.services.graders.base import InvalidGrader
from learning.services.graders.references import References
from learning.services.replay_prompts import ReplayPrompt
from routing.domain import capability
from routing.domain.catalog import ModelSpec
from routing.services.snapshot import Snapshot

DEFAULT_PROMPTS = 300
MAX_PROMPTS = 5_000
DEFAULT_OUTPUT_TOKENS = 1_000


class CannotCalibrate(Exception):
    """The calibration cannot be planned, or may not go on; the message names the cure."""


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody wants calibrated.

    Attributes:
        model_names: As callers name them; none for every model that ``auto`` may choose.
        grader: A name of ``graders.registry``; ``settings`` are its own (``mode``, ``url``, ``model``).
        prompts: How many to replay, 1 to 5,000.
        max_output_tokens: Longest answer of a model.
    """

    team: Team
    grader: str
    settings: Mapping[str, Any]
    model_names: Sequence[str] = ()
    prompts: int = DEFAULT_PROMPTS
    max_output_tokens: int = DEFAULT_OUTPUT_TOKENS


@dataclass(frozen=True, slots=True)
class Plan:
    """A planned calibration and its expected cost in nano-dollars by model, grading included."""

    calibration: Calibration
    expected_by_model: Mapping[str, int]
    worst_nano_usd: int


def plan(request: Request, *, snapshot: Snapshot, references: References, actor: str, now: datetime, seed: int) -> Plan:
    """Draw the sample, price it, and keep the plan until its budget is confirmed.

    Raises:
        CannotCalibrate: The team keeps no prompts, none can be replayed, or a model is not offered here.
        InvalidGrader: The grader cannot be used as set.
        NoPrice: The cost of a model is not known.
    """
    refuse_without_consent(request.team)
    chosen = _checked_settings(request, snapshot, references)
    names = [model.full_name for model in _models(request.model_names, snapshot)]
    book = CostBook(snapshot, max_output_tokens=request.max_output_tokens, judge=chosen.get("model"))
    book.check(names)
    prompts = _prompts(request, references, now, seed)
    by_model, worst = dict.fromkeys(names, 0), 0
    for prompt in prompts:
        for name in names:
            costs = book.of(prompt.messages, name)
            by_model[name] += costs.expected
            worst += costs.worst
    calibration = _create(request, chosen, names, prompts, sum(by_model.values()), actor, now)
    return Plan(calibration, by_model, worst)


def refuse_without_consent(team: Team) -> None:
    """Raise CannotCalibrate for a team that does not have its prompts kept: nothing of it may be replayed."""
    if team.prompt_retention_days is None:
        raise CannotCalibrate(
            f"Team {team.slug} does not keep its prompts, so there is nothing that may be replayed. Where it agrees, "
            "set its prompt retention days in the admin (Teams) and wait for traffic, or import outcomes instead: "
            "manage.py optimizer outcomes import FILE"
        )


def _checked_settings(request: Request, snapshot: Snapshot, references: References) -> dict[str, Any]:
    chosen = dict(request.settings)
    if request.grader == Calibration.Grader.HTTP:
        http_grader.check_url(str(chosen.get("url", "")), settings.CALIBRATION_GRADER_HOSTS)
    if request.grader == Calibration.Grader.REFERENCE and not len(references):
        raise InvalidGrader("Grading by reference answers needs their file: give it with --references.")
    if request.grader == Calibration.Grader.JUDGE:
        chosen["model"] = _offered(str(chosen.get("model", "")), snapshot).full_name
    return chosen


def _models(names: Sequence[str], snapshot: Snapshot) -> list[ModelSpec]:
    if names:
        found = [_offered(name, snapshot) for name in names]
    else:
        # As auto chooses: stand-ins only where there is nothing real.
        options = [model for model in snapshot.routable if model.tier is not None and model.price is not None]
        found = [model for model in options if not capability.is_stand_in(model)] or options
    models = list({model.full_name: model for model in found}.values())
    if not models:
        raise CannotCalibrate("No model is open to routing: set a provider's key, or name models with --models.")
    return models


def _offered(name: str, snapshot: Snapshot) -> ModelSpec:
    offers = snapshot.resolve(name)
    if not offers:
        raise CannotCalibrate(f"No reachable provider offers the model {name!r}. List them with: optimizer status")
    return next((model for model in offers if model.price is not None), offers[0])


def _prompts(request: Request, references: References, now: datetime, seed: int) -> list[ReplayPrompt]:
    needs_reference = request.grader == Calibration.Grader.REFERENCE

    def is_wanted(prompt: ReplayPrompt) -> bool:
        return not needs_reference or references.get(prompt.request_id, prompt.text) is not None

    found = replay_prompts.choose(request.team, size=request.prompts, now=now, seed=seed, is_wanted=is_wanted)
    if not found:
        kept = replay_prompts.kept_count(request.team, now)
        raise CannotCalibrate(
            f"Of the {kept} prompts that team {request.team.slug} keeps, none can be replayed: they must be text "
            f"without tools or images{', and have a reference answer' if needs_reference else ''}."
        )
    return found


def _create(
    request: Request,
    grader_settings: Mapping[str, Any],
    names: Sequence[str],
    prompts: Sequence[ReplayPrompt],
    estimated_nano_usd: int,
    actor: str,
    now: datetime,
) -> Calibration:
    with transaction.atomic():
        evaluation_set = EvaluationSet.objects.create(
            team=request.team,
            name=f"Calibration of {request.team.slug}, {now:%Y-%m-%d %H:%M}"[:200],
            source=EvaluationSet.Source.CALIBRATION,
            is_enabled=False,
            created_at=now,
            created_by=actor,
        )
        return Calibration.objects.create(
            team=request.team,
            evaluation_set=evaluation_set,
            state=Calibration.State.PLANNED,
            model_names=list(names),
            request_ids=[prompt.request_id for prompt in prompts],
            grader=request.grader,
            grader_settings=dict(grader_settings),
            max_output_tokens=request.max_output_tokens,
            # Nothing may be spent before a budget is confirmed; the column takes no zero.
            budget_nano_usd=1,
            estimated_nano_usd=estimated_nano_usd,
            created_by=actor,
            created_at=now,
        )
