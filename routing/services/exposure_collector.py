"""Gathers who was first served in which arm, and writes it down off the hot path.

Nothing depends on it being written: the arm of a unit is a hash, and each request's ledger row names its arm.
"""

import logging
from collections import deque
from dataclasses import dataclass
from datetime import datetime

from django.db import DatabaseError, transaction

from accounts.services import encryption
from routing.models import Exposure
from routing.services.assignments import Assignment
from routing.services.group_commit import CONNECTION_ERRORS
from routing.services.writers_turn import writers_turn

logger = logging.getLogger(__name__)

MAX_WAITING = 10_000
# Units remembered as written, so that each is written about once by each process.
MAX_SEEN = 100_000
_BATCH_SIZE = 500


@dataclass(frozen=True, slots=True)
class _Noted:
    experiment_id: int
    phase: int
    team_id: int
    unit: str
    arm: str
    exposed_at: datetime


class ExposureCollector:
    """Takes assignments on the hot path; ``flush``, called by one thread at a time, writes them."""

    def __init__(self) -> None:
        self._seen: set[tuple[int, int, int, str]] = set()
        self._waiting: deque[_Noted] = deque()
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def note(self, assignment: Assignment, team_id: int, exposed_at: datetime) -> None:
        """Remember that a unit of the team is in its arm, if that is new to this process; requests are no such unit."""
        if assignment.running.split.unit == "request":
            return
        key = (assignment.experiment_id, assignment.phase, team_id, assignment.unit)
        if key in self._seen:
            return
        if len(self._waiting) >= MAX_WAITING:
            self._count_dropped(1)
            return
        if len(self._seen) >= MAX_SEEN:
            self._seen.clear()
        self._seen.add(key)
        self._waiting.append(_Noted(*key, assignment.arm.name, exposed_at))

    def flush(self) -> int:
        """Write what waits; return how many exposures were written or found written.

        While the database is away they wait on, and that is raised. A batch that it refuses for any other reason is
        dropped: it would be refused again.
        """
        written = 0
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(_BATCH_SIZE, len(self._waiting)))]
            try:
                _store(batch)
            except CONNECTION_ERRORS:
                self._waiting.extendleft(reversed(batch))
                raise
            except DatabaseError:
                self._count_dropped(len(batch))
            else:
                written += len(batch)
        return written

    def _count_dropped(self, count: int) -> None:
        if not self.dropped:
            logger.warning("Exposures of experiments are dropped: the database takes none")
        self.dropped += count


def unit_hash(team_id: int, unit: str) -> str:
    """Return the name of a team's user or session among the exposures."""
    return encryption.keyed_hash(f"{team_id}\n{unit}".encode(), purpose="exposure")


def _store(batch: list[_Noted]) -> None:
    rows = [
        Exposure(
            experiment_id=noted.experiment_id,
            phase=noted.phase,
            unit=unit_hash(noted.team_id, noted.unit),
            arm=noted.arm,
            exposed_at=noted.exposed_at,
        )
        for noted in batch
    ]
    with writers_turn(), transaction.atomic():
        Exposure.objects.bulk_create(rows, ignore_conflicts=True)
