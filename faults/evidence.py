"""What is known after a cell: what clients saw, what the provider did, what the database and the logs hold."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from faults.load import Client, Seen
from faults.ratings import Rated
from faults.stack import Web
from faults.watch import Holding, Probe
from tests.fake_upstream.tally import Exchange


@dataclass(frozen=True)
class Evidence:
    """All times are of the monotonic clock; ``rows`` are the ledger's, ``dump`` is the whole database as text.

    ``harmed_at`` and ``healed_at`` bound the fault. ``killed`` are the ports of replicas that were killed, restarted or
    made unreachable on purpose; ``stored`` are the ratings, ``counted`` the ids of those that learning draws from;
    ``notes`` is what the fault itself found wrong.
    """

    clients: Sequence[Client]
    seen: Sequence[Seen]
    exchanges: Sequence[Exchange]
    rows: Sequence[dict[str, Any]]
    periods: Sequence[dict[str, Any]]
    budgets: Sequence[tuple[int, int, int]]
    probes: Sequence[Probe]
    holdings: Sequence[tuple[Holding, Holding]]
    web: Sequence[Web]
    dump: str
    logs: str
    harmed_at: float
    healed_at: float
    killed: frozenset[int] = frozenset()
    policies_changed: int = 0
    stored: Sequence[dict[str, Any]] = ()
    counted: frozenset[int] = frozenset()
    notes: list[str] = field(default_factory=list)

    @property
    def ratings(self) -> list[Rated]:
        """Return what clients sent as ratings, with the answers."""
        return [rated for seen in self.seen for rated in seen.ratings]

    def attempts(self) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Return every attempt of every row, with its row."""
        return [(row, attempt) for row in self.rows for attempt in row["attempts"]]
