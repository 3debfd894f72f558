"""A part of the proof: load on a stack of its own, then everything held against the provider's books."""

import asyncio
import math
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db import connections
from django.db.models import F

from faults import invariants
from faults.direct import DirectStack
from faults.evidence import Evidence
from faults.money import account
from faults.servers import Postgres
from faults.stack import Stack, wait_until
from faults.watch import Watch

REST_SECONDS = 60.0
# After the load, those who still serve close what they opened.
_LEASE_MINUTES_AGO = 5
# Told how many of how many of what are done.
Say = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Part:
    """What to do to a stack. ``play`` is told how to say how far it is, and returns figures of its own.

    What it asked and what it found wrong it leaves with the stack.
    """

    name: str
    play: Callable[[Stack, Say], Coroutine[Any, Any, dict[str, int]]]
    has_workers: bool = False


@dataclass(frozen=True)
class Result:
    """What a part came to; ``figures`` are counts and nano-dollars, added up over parts of the same kind."""

    name: str
    seconds: float
    figures: dict[str, int]
    problems: list[str] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """Return the first word of the name."""
        return self.name.split()[0].rstrip(":")


def run(part: Part, *, port: int, template: Path, say: Say, place: Path | None = None) -> Result:
    """Run a part; ``template`` is the data folder of a migrated database, ``port`` what Django is set up for.

    Its database and the provider's books are in a folder of ``place``, of the usual temporary one by default.
    """
    began_at = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="money-", dir=place) as name:
        folder = Path(name)
        # The database runs as a user of its own.
        folder.chmod(0o755)
        stack = DirectStack(folder, Postgres(folder, port, template), has_workers=part.has_workers)
        try:
            with stack:
                with Watch(stack.store, []) as watch:
                    own = asyncio.run(part.play(stack, say))
                    _come_to_rest(stack)
                found = _evidence(stack, watch)
        finally:
            connections.close_all()
    return Result(part.name, time.monotonic() - began_at, own | _figures(found), _problems(found))


def _problems(found: Evidence) -> list[str]:
    unexplained = account.of(found).unexplained
    problems = [f"{unexplained} nano-dollars differ between ledger and tally, unexplained"] if unexplained else []
    return [*problems, *invariants.check(found), *found.notes]


def _figures(found: Evidence) -> dict[str, int]:
    sums = account.of(found)
    states = Counter(str(row["state"]) for row in found.rows)
    return {
        "requests": len(found.seen),
        "answered whole": sum(seen.is_whole for seen in found.seen),
        "streams": sum(seen.is_stream for seen in found.seen),
        "exchanges": len(found.exchanges),
        "rows": len(found.rows),
        **{f"rows {state}": count for state, count in states.items()},
        "ledger nano-USD": sums.ledger,
        "tally nano-USD": sums.tally,
        "flagged attempts": sums.flagged_attempts,
        "flagged nano-USD": sums.flagged,
        "tally of flagged nano-USD": sums.tally_of_flagged,
        "unexplained nano-USD": abs(sums.unexplained),
        "budget samples": len(found.budgets),
        "overspent nano-USD": max((0, *(used - limit for _, used, limit in found.budgets))),
    }


def _come_to_rest(stack: Stack) -> None:
    """Wait until what lives has closed its rows, and close those of the dead."""
    from datetime import timedelta

    from routing.models import GatewayInstance, LedgerEntry
    from routing.services import database_clock, reconciler

    alive = [web.process.pid for web in stack.web if web.process.is_running]
    # Brings about what takes as long as a lease: nobody renews those of dead processes.
    long_ago = database_clock.now() - timedelta(minutes=_LEASE_MINUTES_AGO)
    GatewayInstance.objects.exclude(pid__in=alive).update(lease_expires_at=long_ago)
    reconciler.close_orphans()
    pending = LedgerEntry.objects.filter(state=LedgerEntry.State.PENDING)
    wait_until(lambda: not pending.exists(), REST_SECONDS)


def _evidence(stack: Stack, watch: Watch) -> Evidence:
    from accounts.models import BudgetPeriod
    from routing.models import LedgerEntry

    columns = ("request_id", "state", "team_id", "prompt_fingerprint", "attempts", "cost_nano_usd", "price_snapshot")
    rows = LedgerEntry.objects.values(*columns, "flags", "is_estimated").iterator()
    periods = BudgetPeriod.objects.values("spent_nano_usd", "reserved_nano_usd", team_id=F("budget__team_id"))
    return Evidence(
        clients=stack.clients,
        seen=stack.seen,
        exchanges=[exchange for exchange in stack.exchanges() if exchange.attempt_id],
        rows=[row | {"request_id": str(row["request_id"])} for row in rows],
        periods=[dict(period) for period in periods],
        budgets=watch.budgets,
        probes=[],
        holdings=[],
        web=stack.web,
        # Secrets are looked for in the cells, whose logs are short.
        dump="",
        logs="",
        harmed_at=-math.inf,
        healed_at=math.inf,
        killed=frozenset(stack.killed),
        notes=stack.problems,
    )
