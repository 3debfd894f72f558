"""One cell of the matrix: load, harm, heal, come to rest, and look."""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import UUID

from django.db import connections
from django.db.models import F, OuterRef, Subquery

from faults import invariants, load
from faults.evidence import Evidence
from faults.load import Plan
from faults.servers import Postgres, Sqlite
from faults.stack import Stack, wait_until
from faults.watch import Watch, holding

Harm = Callable[[Stack], Awaitable[None]]
Expectation = Callable[[Evidence], Iterator[str]]
Store = Callable[[Path], Postgres | Sqlite]
REST_SECONDS = 30.0
# How long the load goes on after the fault, at least.
AFTER_SECONDS = 3.0
_WARM_UP = Plan(models=("ok",), seconds=1.0, concurrency=8)


async def nothing(_stack: Stack) -> None:
    """Harm in nothing: the models of the plan bring the fault."""


@dataclass(frozen=True)
class Cell:
    """A fault and what is expected of the product while it lasts, beside the invariants.

    ``prepare`` is done before the load begins, ``finish`` when it has ended and ``stack.seen`` holds it; what these,
    ``harm`` and ``heal`` ask and find wrong themselves they leave with the stack. ``allowed`` are numbers of invariants
    that the fault itself excludes, with the reason. ``clock_offsets`` are those of the replicas, in seconds; a cell
    ``on_sqlite`` has no PostgreSQL.
    """

    name: str
    title: str
    plan: Plan
    harm: Harm = nothing
    heal: Harm = nothing
    expect: tuple[Expectation, ...] = ()
    prepare: Harm = nothing
    finish: Harm = nothing
    has_workers: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)
    redis_options: tuple[str, ...] = ()
    clock_offsets: tuple[int, ...] = ()
    on_sqlite: bool = False
    allowed: Mapping[str, str] = field(default_factory=dict)
    harm_after_seconds: float = 2.0
    harm_seconds: float = 5.0
    healthy_seconds: float = invariants.HEALTHY_WITHIN_SECONDS + 1.0

    def in_short(self) -> "Cell":
        """Return the cell as a test can afford it; whether replicas are ready again in time is then not asked."""
        plan = replace(self.plan, seconds=4.0, concurrency=min(12, self.plan.concurrency))
        return replace(self, plan=plan, harm_after_seconds=1.0, harm_seconds=1.5, healthy_seconds=0.0)

    def in_passing(self) -> "Cell":
        """Return the cell as one of several on a stack, mostly waiting: other tests run beside it."""
        plan = replace(self.plan, seconds=2.0, concurrency=min(6, self.plan.concurrency), think_seconds=0.1)
        return replace(self, plan=plan, harm_after_seconds=0.5, harm_seconds=1.0, healthy_seconds=0.0)


@dataclass(frozen=True)
class Outcome:
    """What a run came to; ``not_run`` says why it could not be, in words."""

    cell: str
    seed: int
    problems: list[str]
    requests: int
    answered: int
    seconds: float
    not_run: str = ""


def run(cell: Cell, seed: int, *, store: Store, keep: Path | None = None) -> Outcome:
    """Run a cell once; ``store`` makes, in a folder, the migrated database that Django is set up for.

    Raises:
        CannotHappenHere: What the fault needs is not there.
    """
    began_at = time.monotonic()
    with tempfile.TemporaryDirectory(prefix=f"faults-{cell.name}-") as name:
        folder = keep or Path(name)
        folder.chmod(0o755)
        stack = Stack(
            folder,
            store(folder),
            has_workers=cell.has_workers,
            redis_options=cell.redis_options,
            settings=cell.settings,
            clock_offsets=cell.clock_offsets,
        )
        try:
            with stack:
                found = play(cell, stack, seed)
        finally:
            connections.close_all()
    answered = sum(seen.is_whole for seen in found.seen)
    return Outcome(
        cell.name, seed, problems(cell, found, found), len(found.seen), answered, time.monotonic() - began_at
    )


def problems(cell: Cell, found: Evidence, own: Evidence) -> list[str]:
    """Return all that is wrong: by the invariants with what was found, by the cell's expectations with its own part."""
    wrong = [problem for problem in invariants.check(found) if problem.partition(":")[0] not in cell.allowed]
    wrong += [f"expected: {problem}" for problem in own.notes]
    return wrong + [f"expected: {problem}" for expectation in cell.expect for problem in expectation(own)]


def broken_off(cell: Cell, seed: int, error: Exception) -> Outcome:
    """Return the outcome of a cell that could not be run to its end."""
    return Outcome(cell.name, seed, [f"not run to its end: {type(error).__name__}: {error}"], 0, 0, 0.0)


def play(cell: Cell, stack: Stack, seed: int, *, is_warm: bool = False) -> Evidence:
    """Play a cell on a stack that runs, and return what is known then."""
    from routing.models import PolicyActivation

    asyncio.run(_prepare(cell, stack, seed, is_warm=is_warm))
    watched = list(stack.web)
    before = [holding(web.process.pid) for web in watched]
    policies_before = PolicyActivation.objects.count()
    with Watch(stack.store, watched) as watch:
        harmed_at, healed_at = asyncio.run(_load_and_harm(cell, stack, seed))
        _come_to_rest(stack)
        time.sleep(max(0.0, healed_at + cell.healthy_seconds - time.monotonic()))
    after = [holding(web.process.pid) for web in watched]
    rows, periods = _database()
    return Evidence(
        clients=stack.clients,
        seen=stack.seen,
        exchanges=[exchange for exchange in stack.exchanges() if exchange.attempt_id],
        rows=rows,
        periods=periods,
        budgets=watch.budgets,
        probes=watch.probes,
        holdings=[] if stack.killed else list(zip(before, after, strict=True)),
        web=watched,
        dump=stack.store.dump(),
        logs="".join(path.read_text(errors="replace") for path in stack.logs),
        harmed_at=harmed_at,
        healed_at=healed_at,
        killed=frozenset(stack.killed | stack.unreachable),
        policies_changed=PolicyActivation.objects.count() - policies_before,
        stored=_stored_ratings(),
        counted=_counted_ratings(),
        notes=stack.problems,
    )


async def _prepare(cell: Cell, stack: Stack, seed: int, *, is_warm: bool) -> None:
    # With other prompts than the load has: what is asked twice is noticed.
    # As many at once: connections that are kept for the next request are no leak.
    warm_up = replace(_WARM_UP, concurrency=cell.plan.concurrency, rated_share=cell.plan.rated_share)
    if not is_warm:
        await load.run(stack.urls, stack.clients, warm_up, -seed)
    await cell.prepare(stack)


async def _load_and_harm(cell: Cell, stack: Stack, seed: int) -> tuple[float, float]:
    """Harm and heal under a load that goes on past both, however long they take."""
    afterwards: list[float] = []

    def is_after() -> bool:
        return bool(afterwards) and time.monotonic() > afterwards[0] + AFTER_SECONDS

    loading = asyncio.create_task(load.run(stack.urls, stack.clients, cell.plan, seed, is_after))
    await asyncio.sleep(cell.harm_after_seconds)
    harmed_at = time.monotonic()
    try:
        await cell.harm(stack)
        await asyncio.sleep(max(0.0, harmed_at + cell.harm_seconds - time.monotonic()))
        await cell.heal(stack)
    finally:
        healed_at = time.monotonic()
        afterwards.append(healed_at)
    stack.seen += await loading
    await cell.finish(stack)
    return harmed_at, healed_at


def _come_to_rest(stack: Stack) -> None:
    """Wait until what lives has closed its rows, then close those of the dead, once."""
    from datetime import timedelta

    from routing.models import GatewayInstance, LedgerEntry
    from routing.services import database_clock, reconciler

    # The fault may have cut this process's own connection.
    connections.close_all()
    alive = [web.process.pid for web in stack.web if web.process.is_running]
    # Brings about what takes as long as a lease: nobody renews those of dead processes.
    long_ago = database_clock.now() - timedelta(minutes=5)
    GatewayInstance.objects.exclude(pid__in=alive).update(lease_expires_at=long_ago)
    pending = LedgerEntry.objects.filter(state=LedgerEntry.State.PENDING)
    wait_until(lambda: not pending.exclude(instance_id__in=_dead()).exists(), REST_SECONDS)
    reconciler.close_orphans()


def _dead() -> list[UUID]:
    from datetime import timedelta

    from routing.models import GatewayInstance
    from routing.services import database_clock

    expired = GatewayInstance.objects.filter(lease_expires_at__lt=database_clock.now() - timedelta(minutes=1))
    return list(expired.values_list("id", flat=True))


def _database() -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    from accounts.models import BudgetPeriod
    from routing.models import LedgerEntry

    columns = ("request_id", "state", "team_id", "prompt_fingerprint", "attempts", "cost_nano_usd", "price_snapshot")
    rows = [
        row | {"request_id": str(row["request_id"])}
        for row in LedgerEntry.objects.values(*columns, "flags", "is_estimated")
    ]
    periods = BudgetPeriod.objects.values("spent_nano_usd", "reserved_nano_usd", team_id=F("budget__team_id"))
    return rows, [dict(period) for period in periods]


def _stored_ratings() -> list[dict[str, object]]:
    from feedback.models import ResponseFeedback
    from routing.models import LedgerEntry

    asked_by = LedgerEntry.objects.filter(request_id=OuterRef("ledger_request_id")).values("team_id")[:1]
    columns = ("id", "team_id", "session_id", "user_id", "linked", "ledger_request_id", "served_model", "created_at")
    rows = ResponseFeedback.objects.annotate(asked_by=Subquery(asked_by))
    return [dict(row) for row in rows.values(*columns, "experiment_id", "asked_by")]


def _counted_ratings() -> frozenset[int]:
    from datetime import timedelta

    from feedback.selectors import votes
    from routing.services import database_clock

    now = database_clock.now()
    drawn = votes.latest(team=None, since=now - timedelta(days=365), until=now + timedelta(minutes=1))
    return frozenset(drawn.values_list("id", flat=True))
