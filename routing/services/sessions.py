"""Which model served the last answer of each session, while the provider may still hold the session's prompts.

Kept in this process only: a preference that saves money where it is known, and nothing that another process must know.
A session is another one in each arm of an experiment, so that no arm's choices follow from those of the other.
"""

import threading
import time
from collections import OrderedDict

from routing.domain.situation import SessionUse
from routing.domain.usage import Usage

# The shortest time for which the providers promise to keep a cached prompt after its last use.
CACHE_SECONDS = 300.0
MAX_SESSIONS = 10_000

# An experiment and the name of its arm.
Arm = tuple[int, str]

_sessions: OrderedDict[tuple[int, str, Arm | None], tuple[SessionUse, float]] = OrderedDict()
# Long prompts are decided in threads of their own.
_lock = threading.Lock()


def note(
    team_id: int, session_id: str, model_name: str, usage: Usage, *, arm: Arm | None = None, now: float | None = None
) -> None:
    """Remember how a session was served; ``now`` is of the monotonic clock. The least recently used one makes room."""
    key = (team_id, session_id, arm)
    use = SessionUse(model_name, usage.input_tokens, usage.cached_input_tokens + usage.cache_write_tokens)
    with _lock:
        _sessions[key] = (use, time.monotonic() if now is None else now)
        _sessions.move_to_end(key)
        if len(_sessions) > MAX_SESSIONS:
            _sessions.popitem(last=False)


def find(team_id: int, session_id: str, *, arm: Arm | None = None, now: float | None = None) -> SessionUse | None:
    """Return how the session was last served in this arm, unless that was too long ago."""
    key = (team_id, session_id, arm)
    with _lock:
        use, noted_at = _sessions.get(key, (None, 0.0))
        if use is None:
            return None
        if (time.monotonic() if now is None else now) - noted_at > CACHE_SECONDS:
            del _sessions[key]
            return None
        return use


def reset() -> None:
    """Forget all sessions."""
    with _lock:
        _sessions.clear()
