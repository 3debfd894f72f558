"""What a telemetry event may be."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

MAX_EVENTS = 1000
MAX_DATA_BYTES = 16 * 1024
# Clocks of callers run ahead of ours a little, not by days.
MAX_AHEAD = timedelta(days=1)
TYPE = re.compile(r"[A-Za-z][A-Za-z0-9_.:/-]{0,63}")


@dataclass(frozen=True, slots=True)
class Event:
    """One event; ``occurred_at`` is None where the caller did not say when it was."""

    type: str
    data: Mapping[str, Any]
    user_id: str | None = None
    occurred_at: datetime | None = None
