"""Whether a phase of the rollout may be left: each criterion measured, with its formula and window.

A criterion for which nothing could be measured does not hold, and says so. Completions are those of the teams that the
phase reaches, since it began. A phase has its own criteria and those of the phases before it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Literal

from django.db.models import Count, Q, QuerySet

from accounts.domain import rollout
from accounts.domain.rollout import CONFIRMATIONS
from accounts.models import RolloutPhase, Team
from insights.models import TeamMetric
from monitoring.selectors import rollout_figures
from monitoring.selectors.measures import counted, learning
from routing.models import LedgerEntry

State = LedgerEntry.State

DAY, WEEK = timedelta(days=1), timedelta(days=7)
LEAST_REQUESTS = 100
BUSY_FACTOR = 2.5
# What ended a request that no provider is to blame for.
OUR_ERRORS = ("aborted", "store_unavailable", "process_ended")
_OURS = Q(state=State.ORPHANED) | Q(error_code__in=OUR_ERRORS)


@dataclass(frozen=True, slots=True)
class Criterion:
    """Something that must hold before a phase is left.

    Attributes:
        kind: ``measured``, or ``confirmed`` by a person.
        formula, window: how and over what it is measured, in words.
        value: as measured, in ``unit``; None where nothing could be.
        limit: what the value is held against, in words.
        why: what was found, in a sentence.
    """

    name: str
    label: str
    kind: Literal["measured", "confirmed"]
    holds: bool
    why: str
    formula: str = ""
    window: str = ""
    value: float | None = None
    unit: str = ""
    limit: str = ""


@dataclass(frozen=True, slots=True)
class _Look:
    """Where a phase is looked at: its completions of the last day and week, as far as it has lasted so long."""

    day: datetime
    week: datetime
    now: datetime
    team_ids: tuple[int, ...]

    def completions(self, since: datetime) -> QuerySet[LedgerEntry]:
        rows = LedgerEntry.objects.order_by().filter(created_at__gte=since, created_at__lt=self.now)
        return rows.filter(team_id__in=self.team_ids)


def evaluate(phase: RolloutPhase, *, now: datetime) -> list[Criterion]:
    """Measure every criterion of a phase now. Phase 0 has none: nobody could be looked at."""
    if phase.number == 0:
        return []
    slugs = Team.objects.values_list("id", "slug")
    look = _Look(
        day=max(phase.started_at, now - DAY),
        week=max(phase.started_at, now - WEEK),
        now=now,
        team_ids=tuple(team_id for team_id, slug in slugs if rollout.reaches(phase.reach, slug)),
    )
    measures = _FIRST if phase.number == 1 else (*_FIRST, *_SECOND)
    return [*(measure(look) for measure in measures), *_confirmations(phase)]


def unmet(criteria: Iterable[Criterion]) -> list[str]:
    """Return a sentence for each criterion that does not hold."""
    return [f"{criterion.label}: {criterion.why}" for criterion in criteria if not criterion.holds]


def _our_errors(look: _Look) -> Criterion:
    found = look.completions(look.day).aggregate(rows=Count("request_id"), errors=Count("request_id", filter=_OURS))
    faults, answered = counted.endpoint_faults(look.day, look.now)
    return _errors(
        ("our_errors", "Errors of ours", 0.001, "0.1 %"),
        found["errors"] + faults,
        found["rows"] + answered,
        formula="(completions broken off, left open or not written by us + answers of our other endpoints with 500 and "
        "above, but 503) / all of both",
    )


def _errors_of_all(look: _Look) -> Criterion:
    ended = look.completions(look.day).filter(http_status__isnull=False)
    found = ended.aggregate(rows=Count("request_id"), errors=Count("request_id", filter=Q(http_status__gte=500)))
    return _errors(
        ("errors", "Errors of whatever cause", 0.005, "0.5 %"),
        found["errors"],
        found["rows"],
        formula="completions answered with 500 and above / completions answered",
    )


def _errors(what: tuple[str, str, float, str], errors: int, requests: int, *, formula: str) -> Criterion:
    name, label, limit, limit_text = what
    share = errors / requests if requests else None
    why = f"{errors} of {requests} requests"
    if requests < LEAST_REQUESTS:
        why = f"{requests or 'no'} requests were measured; at least {LEAST_REQUESTS} are needed."
    elif share is not None:
        why = f"{why} ({share:.3%})."
    return Criterion(
        name,
        label,
        "measured",
        holds=requests >= LEAST_REQUESTS and share is not None and share < limit,
        why=why,
        formula=formula,
        window="the last 24 hours of the phase",
        value=share,
        unit="share",
        limit=f"below {limit_text}",
    )


def _overhead(look: _Look) -> Criterion:
    p95, requests = rollout_figures.p95(rollout_figures.overhead_by_hour(look.completions(look.day)).values())
    return _milliseconds(
        ("overhead", "Time that we add to a completion"),
        p95,
        requests,
        formula="95th percentile of a completion's time less the time that its provider took, within 1.6 %",
    )


def _endpoints(look: _Look) -> Criterion:
    reading = counted.endpoint_seconds(look.day, look.now)
    return _milliseconds(
        ("endpoints", "Time of our own endpoints"),
        None if reading.value is None else reading.value * 1000,
        reading.samples,
        formula="a bound that 95 of 100 answers of our other endpoints stayed within, from their histogram",
        includes_limit=True,
    )


def _milliseconds(
    what: tuple[str, str], p95: float | None, samples: int, *, formula: str, includes_limit: bool = False
) -> Criterion:
    name, label = what
    # The histogram of the endpoints counts up to a bound, that one included.
    holds = p95 is not None and (p95 < 200 or (includes_limit and p95 == 200))
    return Criterion(
        name,
        label,
        "measured",
        holds=holds,
        why="nothing was measured yet." if p95 is None else f"{p95:,.0f} ms over {samples:,} requests.",
        formula=formula,
        window="the last 24 hours of the phase",
        value=p95,
        unit="ms",
        limit="below 200 ms",
    )


def _updates(look: _Look) -> Criterion:
    (reading,) = learning.job_failures(look.week, look.now)
    share = None if reading.value is None else 1 - reading.value
    why = "no learning job, retraining or cost review has ended yet." if share is None else reading.text
    return Criterion(
        "learning_updates",
        "Successful updates of what is learned",
        "measured",
        holds=share is not None and share > 0.99,
        why=why,
        formula="scheduled learning jobs, and retrainings and cost reviews that people started, that succeeded / those "
        "that ended",
        window="the last 7 days of the phase",
        value=share,
        unit="share",
        limit="over 99 %",
    )


def _figures(look: _Look) -> Criterion:
    """Hold the figures that teams are shown of a day against the ledger itself, without the roll-ups."""
    kept = TeamMetric.objects.filter(computed_at__gte=look.week, computed_at__lt=look.now, team_id__in=look.team_ids)
    agreeing, compared = rollout_figures.agreement(kept)
    share = agreeing / compared if compared else None
    why = "no figure of insights was kept yet." if share is None else f"{agreeing} of {compared} figures agree."
    return Criterion(
        "figures",
        "Figures of insights that agree with their recomputation",
        "measured",
        holds=share is not None and share > 0.9,
        why=why,
        formula="requests, cost and savings of a team's day that equal what the ledger adds up to / all that were kept",
        window="the last 7 days of the phase",
        value=share,
        unit="share",
        limit="over 90 %",
    )


def _under_load(look: _Look) -> Criterion:
    hours = rollout_figures.overhead_by_hour(look.completions(look.week))
    usual = median(counts.total() for counts in hours.values()) if hours else 0.0
    calm, _ = rollout_figures.p95(counts for counts in hours.values() if counts.total() <= usual)
    busy, requests = rollout_figures.p95(counts for counts in hours.values() if counts.total() >= BUSY_FACTOR * usual)
    ratio = None if calm is None or busy is None else busy / max(calm, 1.0)
    if not hours:
        why = "nothing was measured yet."
    elif ratio is None:
        why = f"no hour had {BUSY_FACTOR} times the usual load of {usual:,.0f} requests: wait for one, or make it."
    else:
        why = f"{busy:,.0f} ms in hours of {BUSY_FACTOR} times the load ({requests:,} requests), else {calm:,.0f} ms."
    return Criterion(
        "load",
        f"Time that we add, at {BUSY_FACTOR} times the load",
        "measured",
        holds=ratio is not None and ratio <= 1.5,
        why=why,
        formula=f"95th percentile of our time in hours of at least {BUSY_FACTOR} times the median hour's requests / "
        "that of the hours up to the median; below 1 ms counts as 1 ms",
        window="the last 7 days of the phase",
        value=ratio,
        unit="times",
        limit="at most 1.5 times",
    )


def _confirmations(phase: RolloutPhase) -> Sequence[Criterion]:
    found = []
    for name, label in CONFIRMATIONS.items():
        given = phase.confirmations.get(name)
        why = f"confirmed by {given['by']}." if given else "nobody has confirmed it."
        found.append(Criterion(name, label.rstrip("."), "confirmed", holds=given is not None, why=why))
    return found


_FIRST = (_our_errors, _overhead, _endpoints, _updates)
_SECOND = (_errors_of_all, _figures, _under_load)
