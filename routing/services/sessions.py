"""Which model served the last answer of each session, while the provider may still hold the session's prompts.

Kept in this process only: a preference that saves money where it is known, and nothing that another process must know.
"""

import threading
import time
from collections import OrderedDict

from routing.domain.situation import SessionUse
from routing.domain.usage import Usage

# The shortest time for which the providers promise to keep a cached prompt after its last use.
CACHE_SECONDS = 300.0
MAX_SESSIONS = 10_000

_sessions: OrderedDict[tuple[int, str], tuple[SessionUse, float]] = OrderedDict()
# Long prompts are decided in threads of their own.
_lock = threading.Lock()


def note(team_id: int, session_id: str, model_name: str, usage: Usage, *, now: float | None = None) -> None:
    """Remember how a session was served; ``now`` is of the monotonic clock. The least recently used one makes room."""
    use = SessionUse(model_name, usage.input_tokens, usage.cached_input_tokens + usage.cache_write_tokens)
    with _lock:
        _sessions[team_id, session_id] = (use, time.monotonic() if now is None else now)
        _sessions.move_to_end((team_id, session_id))
        if len(_sessions) > MAX_SESSIONS:
            _sessions.popitem(last=False)


def find(team_id: int, session_id: str, *, now: float | None = None) -> SessionUse | None:
    """Return how the session was last served, unless that was too long ago."""
    with _lock:
        use, noted_at = _sessions.get((team_id, session_id), (None, 0.0))
        if use is None:
            return None
        if (time.monotonic() if now is None else now) - noted_at > CACHE_SECONDS:
            del _sessions[team_id, session_id]
            return None
        return use


def reset() -> None:
    """Forget all sessions."""
    with _lock:
        _sessions.clear()
