"""Actions on experiments: start one that compares two strategies, or complete one."""

from accounts.models import Team
from experiments.domain.plan import InvalidPlan
from experiments.models import Experiment
from experiments.services import control, creation
from experiments.services.analyses import ExperimentBusy
from experiments.services.control import ExperimentNotRunning
from experiments.services.creation import Design
from experiments.services.strategies import InvalidStrategy
from insights.services.action_kinds.kind import Cause, Change, NotApplicable, Parameters, Undo
from routing.domain.policy import InvalidPolicy
from routing.domain.traffic_split import NamespaceFull
from routing.models import LedgerEntry
from routing.selectors import policies as policy_selectors
from routing.services import policies
from routing.services.policies import PolicyNotFound, PolicyNotUsable
from routing.services.wish import AUTO

Status = Experiment.Status
# Experiments that were begun from suggestions share no request with one another.
NAMESPACE = "insights"
TRAFFIC_PERCENT = 20.0
_NEWEST_REQUESTS = 500
_MOSTLY = 0.9
_SETTINGS = (
    "name",
    "description",
    "control_strategy",
    "test_strategy",
    "unit",
    "traffic_percent",
    "namespace",
    "sample_size",
    "mode",
    "alpha",
    "power",
    "min_effect",
    "tau",
    "denominator",
    "guardrails",
    "minima",
    "on_winner",
)


class StartExperiment:
    """Compares two strategies on a fifth of the requests for ``auto``."""

    def preview(self, team: Team, parameters: Parameters) -> Change:
        design, running = _design(team, parameters), _running_alike(team, parameters)
        before = "no experiment compares them" if running is None else f"experiment {running.id} compares them already"
        return Change(
            f"Start an experiment: {design.control_strategy} against {design.test_strategy}.",
            before,
            f"{design.traffic_percent:g} percent of the requests for auto take part, each {design.unit} in one arm",
            (
                "It reports a winner; nothing else changes by itself.",
                "It can be cancelled at any time; its results are kept.",
            ),
            is_needed=running is None,
        )

    def apply(self, team: Team, parameters: Parameters, cause: Cause) -> Undo:
        if _running_alike(team, parameters) is not None:
            return {}
        try:
            experiment = creation.create(_design(team, parameters), team=team, actor=cause.actor, now=cause.now)
        except NamespaceFull as error:
            raise NotApplicable("Experiments begun before take all traffic: complete one of them first.") from error
        except (InvalidStrategy, InvalidPlan) as error:
            raise NotApplicable(str(error)) from error
        return {"experiment_id": experiment.id}

    def revert(self, team: Team, undo: Undo, cause: Cause) -> None:
        """Cancel it, unless it has ended since."""
        experiment = _find(team, undo["experiment_id"]) if undo else None
        if experiment is None or not experiment.is_running:
            return
        try:
            control.cancel(experiment, actor=cause.actor, reason=cause.reason, now=cause.now)
        except ExperimentNotRunning:
            return
        except ExperimentBusy as error:
            raise NotApplicable(str(error)) from error


class CompleteExperiment:
    """Ends an experiment with the decision that its data allow."""

    def preview(self, team: Team, parameters: Parameters) -> Change:
        experiment = _own(team, parameters)
        winner = f"its winner {experiment.winner}" if experiment.winner else "no winner yet"
        promotes = experiment.on_winner == Experiment.OnWinner.PROMOTE
        return Change(
            f"Complete the experiment {experiment.name}.",
            f"{experiment.status}, with {winner}",
            "completed; all its traffic is routed as all other",
            (
                "A winner begins to route." if promotes else "A winner is reported and does not route by itself.",
                "Taken back, it is begun anew, and the policy of before routes; the results so far stay with this one.",
            ),
            is_needed=experiment.is_running,
        )

    def apply(self, team: Team, parameters: Parameters, cause: Cause) -> Undo:
        experiment = _own(team, parameters)
        if not experiment.is_running:
            return {}
        active = policy_selectors.active(policy_selectors.scope_of(team))
        try:
            control.complete(experiment, actor=cause.actor, reason=cause.reason, now=cause.now)
        except ExperimentNotRunning:
            return {}
        except ExperimentBusy as error:
            raise NotApplicable(str(error)) from error
        return {"experiment_id": experiment.id, "policy_before": None if active is None else active.version}

    def revert(self, team: Team, undo: Undo, cause: Cause) -> None:
        """Let the policy of before route where the winner does, and begin the experiment anew."""
        ended = _find(team, undo["experiment_id"]) if undo else None
        if ended is None:
            return
        _bring_policy_back(team, ended, undo["policy_before"], cause)
        if ended.is_trial:
            # The version on trial was rejected with it; the next retraining finds another.
            return
        weights = {arm["name"]: arm["weight"] for arm in ended.arms}
        design = Design(**{name: getattr(ended, name) for name in _SETTINGS}, weights=weights)
        try:
            creation.create(design, team=team, actor=cause.actor, now=cause.now)
        except (InvalidStrategy, InvalidPlan, NamespaceFull) as error:
            raise NotApplicable(f"The experiment cannot be begun anew: {error}") from error


def _bring_policy_back(team: Team, ended: Experiment, version: int | None, cause: Cause) -> None:
    scope = policy_selectors.scope_of(team)
    active = policy_selectors.active(scope)
    if ended.promoted_policy_id is None or active is None or active.pk != ended.promoted_policy_id:
        return
    try:
        if version is None:
            policies.withdraw(team=scope, actor=cause.actor, reason=cause.reason, now=cause.now)
        elif version != active.version:
            policies.rollback(version=version, team=scope, actor=cause.actor, reason=cause.reason, now=cause.now)
    except (PolicyNotFound, PolicyNotUsable, InvalidPolicy) as error:
        raise NotApplicable(f"The policy of before cannot route again: {error}") from error


def _design(team: Team, parameters: Parameters) -> Design:
    control_strategy, test_strategy = parameters["control_strategy"], parameters["test_strategy"]
    return Design(
        name=f"{control_strategy.capitalize()} against {test_strategy}",
        description="Begun from a suggestion.",
        control_strategy=control_strategy,
        test_strategy=test_strategy,
        unit=_unit(team),
        traffic_percent=TRAFFIC_PERCENT,
        namespace=NAMESPACE,
    )


def _unit(team: Team) -> str:
    """Return users where nearly all requests say whose they are; else each request stands for itself."""
    newest = LedgerEntry.objects.filter(team=team, requested_model=AUTO).order_by("-created_at")
    users = list(newest.values_list("user_id", flat=True)[:_NEWEST_REQUESTS])
    named = sum(bool(user) for user in users)
    return Experiment.Unit.USER if users and named >= _MOSTLY * len(users) else Experiment.Unit.REQUEST


def _running_alike(team: Team, parameters: Parameters) -> Experiment | None:
    return Experiment.objects.filter(
        team=team,
        status=Status.RUNNING,
        control_strategy=parameters["control_strategy"],
        test_strategy=parameters["test_strategy"],
    ).first()


def _own(team: Team, parameters: Parameters) -> Experiment:
    experiment = _find(team, parameters["experiment_id"])
    if experiment is None:
        raise NotApplicable(
            f"The team {team.slug} has no experiment {parameters['experiment_id']}; one of all teams is ended by staff."
        )
    return experiment


def _find(team: Team, experiment_id: int) -> Experiment | None:
    return Experiment.objects.select_related("team").filter(id=experiment_id, team=team).first()
