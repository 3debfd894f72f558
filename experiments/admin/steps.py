"""What a person can do with an experiment: the question, what would follow, and the doing."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.http import HttpRequest

from experiments.admin import decision, words
from experiments.admin.forms import PromotionForm, ReasonForm, SplitForm
from experiments.domain.plan import InvalidPlan
from experiments.models import Experiment
from experiments.services import analyses, control, promotion
from experiments.services.analyses import ExperimentBusy
from experiments.services.control import ExperimentNotRunning
from experiments.services.promotion import NothingToPromote
from routing.domain.policy import InvalidPolicy
from routing.selectors import policies as policy_selectors
from routing.services.policies import PolicyNotFound, PolicyNotUsable

REFUSALS = (
    ExperimentBusy,
    ExperimentNotRunning,
    InvalidPlan,
    InvalidPolicy,
    NothingToPromote,
    PolicyNotFound,
    PolicyNotUsable,
)
Status = Experiment.Status


@dataclass(frozen=True, slots=True)
class Step:
    """One button of the page.

    Attributes:
        is_open: whether the experiment is in a state for it.
        effects: sentences on what would follow.
        act: does it and returns what to tell; takes the experiment, the actor, the valid form and the time.
    """

    name: str
    button: str
    question: str
    look: str
    is_open: Callable[[Experiment], bool]
    effects: Callable[[Experiment, datetime], Iterable[str]]
    act: Callable[[Experiment, str, Any, datetime], str]
    form: Callable[[HttpRequest, Experiment], forms.Form]


def can_be_promoted(experiment: Experiment) -> bool:
    """Whether an arm could still be let route."""
    return experiment.status == Status.COMPLETED and experiment.promoted_policy_id is None


def _reason_form(request: HttpRequest, experiment: Experiment) -> ReasonForm:
    return ReasonForm(request.POST or None)


def _promotion_form(request: HttpRequest, experiment: Experiment) -> ReasonForm:
    choices = [
        (arm["name"], f"{arm['name']}: {decision.strategy_of(experiment, arm['name'])}") for arm in experiment.arms
    ]
    winner = experiment.winner
    if winner is None:
        choices = [("", "choose an arm"), *choices]
    return PromotionForm(request.POST or None, choices=choices, winner=winner)


def _effects_of_completing(experiment: Experiment, now: datetime) -> Iterable[str]:
    outcome = analyses.take(experiment, now=now, is_closing=True).analysis.decision
    yield f"With what is known now, the decision is: {outcome.explanation}"
    yield "No more requests join, and the result is final. Traffic is routed as it was before."
    if experiment.on_winner == Experiment.OnWinner.PROMOTE and outcome.winner is not None:
        yield f"{_capital(decision.strategy_of(experiment, outcome.winner))} then routes {_scope(experiment)}."
    if experiment.is_trial and outcome.winner != experiment.arms[1]["name"]:
        yield f"{_capital(words.strategy(experiment.test_strategy))} is rejected, since this was its trial."


def _effects_of_cancelling(experiment: Experiment, now: datetime) -> Iterable[str]:
    yield "No more requests join. There is no decision, whatever the data say; they are kept."
    if experiment.is_trial:
        yield f"{_capital(words.strategy(experiment.test_strategy))} is rejected, since this was its trial."


def _split_form(request: HttpRequest, experiment: Experiment) -> SplitForm:
    now = {"test_percent": 100 * experiment.arms[1]["weight"]}
    return SplitForm(request.POST or None, initial=now)


def _effects_of_splitting(experiment: Experiment, now: datetime) -> Iterable[str]:
    yield "Some users change their arm, so the analysis begins again from nothing, as a new phase."
    yield "What was measured so far is kept, with its last figures, and no longer counts for the decision."


def _effects_of_promoting(experiment: Experiment, now: datetime) -> Iterable[str]:
    active = policy_selectors.active(experiment.team and policy_selectors.scope_of(experiment.team))
    routing = "Everything is routed by complexity" if active is None else f"Policy {active.version} routes"
    yield f"{routing} at present. The arm that you choose then routes {_scope(experiment)}, within a second."
    if experiment.winner is None:
        yield "The experiment has no winner: which arm is to route is your decision, not that of the data."
    yield experiment.explanation
    yield "An earlier policy can be activated again under Policy versions."


def _complete(experiment: Experiment, actor: str, form: Any, now: datetime) -> str:
    ended = control.complete(experiment, actor=actor, reason=form.cleaned_data["reason"], now=now)
    return f"The experiment is completed: {decision.headline(ended).text}."


def _cancel(experiment: Experiment, actor: str, form: Any, now: datetime) -> str:
    control.cancel(experiment, actor=actor, reason=form.cleaned_data["reason"], now=now)
    return "The experiment is cancelled; what it measured is kept."


def _promote(experiment: Experiment, actor: str, form: Any, now: datetime) -> str:
    version = promotion.promote(
        experiment, actor=actor, arm=form.cleaned_data["arm"], reason=form.cleaned_data["reason"], now=now
    )
    return f"Policy {version.version} routes now."


def _change_split(experiment: Experiment, actor: str, form: Any, now: datetime) -> str:
    changed = control.change_weights(experiment, form.weights, now=now)
    return f"Phase {changed.phase} has begun: {changed.arms[1]['weight']:.0%} of the traffic goes by the test."


def _scope(experiment: Experiment) -> str:
    team = experiment.team and policy_selectors.scope_of(experiment.team)
    return "the traffic of all teams that share a policy" if team is None else f"the traffic of team {team.slug}"


def _capital(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def _runs(experiment: Experiment) -> bool:
    return experiment.is_running


STEPS = (
    Step(
        "complete",
        "Complete",
        "End this experiment and decide?",
        "primary",
        _runs,
        _effects_of_completing,
        _complete,
        _reason_form,
    ),
    Step(
        "split",
        "Change the split",
        "Divide the traffic anew?",
        "plain",
        _runs,
        _effects_of_splitting,
        _change_split,
        _split_form,
    ),
    Step(
        "cancel",
        "Cancel",
        "Cancel this experiment, without a decision?",
        "danger",
        _runs,
        _effects_of_cancelling,
        _cancel,
        _reason_form,
    ),
    Step(
        "promote",
        "Promote",
        "Let one of the arms route?",
        "primary",
        can_be_promoted,
        _effects_of_promoting,
        _promote,
        _promotion_form,
    ),
)
