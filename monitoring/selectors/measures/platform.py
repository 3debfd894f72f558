"""The state of what everything runs on: memory, the database's connections, the integrity of what is stored."""

import socket
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from django.db import connection

from monitoring.domain.alerting import Reading
from monitoring.models import IntegrityCheck
from routing.models import GatewayInstance

# What a process of the product is held to.
PROCESS_BYTES = 1024**3
_CGROUP = Path("/sys/fs/cgroup")
_PROC = Path("/proc")
# As the database counts: the connections it keeps for its superusers are not ours to use.
_CONNECTIONS = """
SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
       current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
"""


def connections(_since: datetime, _now: datetime) -> list[Reading]:
    """Return the used share of the connections that PostgreSQL takes; SQLite has no such limit."""
    if connection.vendor != "postgresql":
        return [Reading(None, 0)]
    with connection.cursor() as cursor:
        cursor.execute(_CONNECTIONS)
        used, most = cursor.fetchone()
    return [Reading(used / most, text=f"{used} of {most} connections to the database are in use.")]


def integrity(_since: datetime, _now: datetime) -> list[Reading]:
    """Return the share of the latest integrity check that passed; None before the first."""
    last = IntegrityCheck.objects.first()
    if last is None:
        return [Reading(None, 0)]
    failed = [result["name"] for result in last.results if not result["passed"]]
    text = f"The {last.get_kind_display()} of {last.checked_at:%Y-%m-%d %H:%M} UTC failed: {', '.join(failed)}."
    return [Reading(last.pass_rate, len(last.results), text=text if failed else "", details={"failed": failed})]


def memory(_since: datetime, now: datetime) -> list[Reading]:
    """Return the used share of this machine's or container's memory, and of a gateway process' gibibyte.

    Only processes of this machine are seen; where it tells nothing of its memory, as outside Linux, there is no value.
    """
    found = []
    if (share := _machine()) is not None:
        name = socket.gethostname()
        found.append(Reading(share, subject=f"machine {name}", text=f"{share:.0%} of the memory of {name} is in use."))
    for pid in _gateways(now):
        if (used := _resident(pid)) is not None:
            text = f"The gateway process {pid} holds {used / 1024**2:.0f} MiB."
            found.append(Reading(used / PROCESS_BYTES, subject=f"gateway {pid}", text=text))
    return found


def _gateways(now: datetime) -> Iterable[int]:
    here = GatewayInstance.objects.filter(host=socket.gethostname(), lease_expires_at__gt=now)
    return here.values_list("pid", flat=True)


def _machine() -> float | None:
    limit, used = _number(_CGROUP / "memory.max"), _number(_CGROUP / "memory.current")
    if limit and used is not None:
        # Pages of files are given back when they are needed.
        return max(0, used - _field(_CGROUP / "memory.stat", "inactive_file")) / limit
    total, available = (_field(_PROC / "meminfo", f"{name}:") for name in ("MemTotal", "MemAvailable"))
    return 1 - available / total if total else None


def _resident(pid: int) -> int | None:
    # In kB, as the kernel writes it.
    return _field(_PROC / str(pid) / "status", "VmRSS:") * 1024 or None


def _number(path: Path) -> int | None:
    with suppress(OSError, ValueError):
        return int(path.read_text())
    return None


def _field(path: Path, name: str) -> int:
    """Return the number after a name at the start of a line; 0 where there is none."""
    with suppress(OSError):
        for line in path.read_text().splitlines():
            first, *rest = line.split()
            if first == name:
                return int(rest[0])
    return 0
