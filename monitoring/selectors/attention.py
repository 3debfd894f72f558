"""What staff should look at next: states that stay until somebody acts, each with the admin page where that is done."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Model, Q

from accounts.models import Budget
from experiments.models import Experiment
from learning.models import LearningAlert
from monitoring.models import Alert, AlertDelivery
from monitoring.selectors import notices
from monitoring.selectors.notices import Severity
from routing.models import LanguageModel, PolicyVersion, Provider
from routing.selectors import prices

NAMED = 5
# An experiment that nobody decided on for a month was decided against.
DECISION_WAITS = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Concern:
    """``model`` is what the admin page lists; ``query`` filters the list, ``pk`` opens one of its rows instead."""

    severity: Severity
    title: str
    text: str
    model: type[Model]
    query: str = ""
    pk: int | None = None


def concerns(now: datetime) -> list[Concern]:
    """Return what needs attention over all teams, the most urgent first."""
    found = [
        *_firing(),
        *_undelivered(),
        *_budgets(now),
        *_alerts(),
        *_unpriced(now),
        *_paused(),
        *_undecided(now),
        *_candidates(),
    ]
    order = ("critical", "warning", "info", "good")
    return sorted(found, key=lambda concern: order.index(concern.severity))


def _firing() -> Iterable[Concern]:
    taken_on = set(
        Alert.objects.filter(state=Alert.State.FIRING, acknowledged_at__isnull=False).values_list("id", flat=True)
    )
    for notice in notices.firing():
        number = int(notice.id.partition(":")[2])
        title = f"{notice.title}: somebody is at it" if number in taken_on else notice.title
        yield Concern(notice.severity, title, notice.text, Alert, pk=number)


def _undelivered() -> Iterable[Concern]:
    """Yield what people should have been told of alerts that still fire, and were not."""
    lost = AlertDelivery.objects.filter(
        state=AlertDelivery.State.UNDELIVERED, event=AlertDelivery.Event.FIRING, alert__state=Alert.State.FIRING
    )
    count = lost.count()
    if count:
        text = "The alerts still fire. Each message says why it was not delivered, and can be sent again."
        title = _counted(count, "alert message", "not delivered")
        yield Concern("warning", title, text, AlertDelivery, "state__exact=undelivered")


def _budgets(now: datetime) -> Iterable[Concern]:
    for notice in notices.budgets(None, now):
        yield Concern(notice.severity, notice.title, notice.text, Budget)


def _alerts() -> Iterable[Concern]:
    for alert in LearningAlert.objects.filter(resolved_at=None)[:NAMED]:
        yield Concern("warning", alert.get_kind_display().capitalize(), alert.message, LearningAlert, pk=alert.pk)
    count = LearningAlert.objects.filter(resolved_at=None).count()
    if count > NAMED:
        text = "Older ones are in the list; an alert stays open until somebody resolves it."
        yield Concern("warning", f"{count} learning alerts are open", text, LearningAlert, "resolved_at__isempty=1")


def _unpriced(now: datetime) -> Iterable[Concern]:
    usable = Q(is_routable=True) | Q(allow_unpriced=True)
    rows = LanguageModel.objects.filter(usable, is_enabled=True, provider__is_enabled=True, provider__is_embedded=False)
    priced = prices.current_prices(now)
    names = [str(row) for row in rows.select_related("provider") if row.pk not in priced]
    if names:
        text = f"{_named(names)}. What they cost is unknown, so budgets and savings leave it out: enter a price."
        yield Concern("warning", _counted(len(names), "model", "without a price"), text, LanguageModel)


def _paused() -> Iterable[Concern]:
    names = list(Provider.objects.filter(is_enabled=False).values_list("name", flat=True))
    if names:
        title = _counted(len(names), "provider", "paused")
        yield Concern("info", title, f"{_named(names)}. No request goes there.", Provider, "is_enabled__exact=0")


def _undecided(now: datetime) -> Iterable[Concern]:
    """Yield experiments whose winner is not the control and was not let route."""
    rows = Experiment.objects.filter(
        status=Experiment.Status.COMPLETED,
        promoted_policy=None,
        winner__isnull=False,
        ended_at__gte=now - DECISION_WAITS,
    )
    for experiment in rows.defer("analysis_state", "last_analysis"):
        if experiment.winner != experiment.arms[0]["name"]:
            title = f"Experiment {experiment.name} waits for a decision"
            text = "It has ended with a winner; traffic is routed as before until an arm is promoted."
            yield Concern("info", title, text, Experiment, pk=experiment.pk)


def _candidates() -> Iterable[Concern]:
    rows = PolicyVersion.objects.filter(state=PolicyVersion.State.CANDIDATE)
    versions = [str(version) for version in rows.values_list("version", flat=True)]
    if versions:
        title = _counted(len(versions), "candidate policy", "waiting", plural="candidate policies")
        text = f"Version {_named(versions)}. The evaluations say how each would do; promote or reject it."
        yield Concern("info", title, text, PolicyVersion, "state__exact=candidate")


def _counted(count: int, noun: str, state: str, *, plural: str = "") -> str:
    return f"{count} {noun if count == 1 else plural or noun + 's'} {state}"


def _named(names: list[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")
