"""Gathers the prompts that routing may learn from, and turns them into kept vectors off the hot path."""

import logging
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime

import msgspec
import numpy as np
from django.db import DatabaseError

from routing.services import embeddings
from routing.services.embeddings import NotedVector
from routing.services.group_commit import CONNECTION_ERRORS

logger = logging.getLogger(__name__)

# Vectors that wait for the database: some 12 MB, minutes of a busy process. They are worth no more than that.
MAX_WAITING = 10_000
# Prompts turned into vectors though nothing needed that to decide: learning needs a sample (this is a million a day),
# and a busy process its time for answering. Of a quiet one's prompts all are taken, also where some come at once.
ENCODED_PER_SECOND = 12
ENCODED_AT_ONCE = 50
# An encoding keeps the interpreter to itself for most of a millisecond; answers should not wait for many in a row.
PAUSE_SECONDS = 0.004


class NotedPrompt(msgspec.Struct, frozen=True):
    """A routed prompt, in memory until the next flush; ``vector`` is given where one was needed to decide."""

    request_id: str
    team_id: int
    text: str
    turns: int
    complexity_score: float
    noted_at: datetime
    vector: np.ndarray | None = None


class PromptCollector:
    """Takes prompts on the hot path; ``flush``, called by one thread at a time, encodes and writes them.

    It takes all prompts that have a vector or are wanted, and of the others ``ENCODED_PER_SECOND`` (a token bucket with
    room for ``ENCODED_AT_ONCE``); what is beyond is counted in ``skipped``. While the database is away the oldest are
    dropped, and counted in ``dropped``. ``clock`` tells seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._prompts: deque[NotedPrompt] = deque()
        self._waiting: deque[NotedVector] = deque()
        self._room = float(ENCODED_AT_ONCE)
        self._room_at = clock()
        self.skipped = 0
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._prompts) + len(self._waiting)

    def takes(self, *, has_vector: bool, is_wanted: bool) -> bool:
        """Say whether the next prompt is to be noted; one that is not is counted, and need not even be read.

        ``is_wanted`` marks a prompt that was sent elsewhere than its policy would have chosen: the best evidence there
        is.
        """
        if has_vector or is_wanted:
            return True
        now = self._clock()
        self._room = min(ENCODED_AT_ONCE, self._room + ENCODED_PER_SECOND * (now - self._room_at))
        self._room_at = now
        if self._room < 1:
            self.skipped += 1
            return False
        self._room -= 1
        return True

    def note(self, prompt: NotedPrompt) -> None:
        if len(self._prompts) >= MAX_WAITING:
            self._count_dropped(1)
            return
        self._prompts.append(prompt)

    def flush(self) -> int:
        """Encode and write what waits; return how many vectors were written.

        While the database is away they wait on, and that is raised. A batch that the database refuses for any other
        reason (its team is gone) is dropped: it would be refused again.
        """
        self._encode()
        written = 0
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(embeddings.BATCH_SIZE, len(self._waiting)))]
            try:
                embeddings.store(batch)
            except CONNECTION_ERRORS:
                self._waiting.extendleft(reversed(batch))
                raise
            except DatabaseError:
                self._count_dropped(len(batch))
            else:
                written += len(batch)
        return written

    def _encode(self) -> None:
        # Taken one by one: the event loop adds to the other end meanwhile.
        for _ in range(len(self._prompts)):
            prompt = self._prompts.popleft()
            vector = prompt.vector
            if vector is None:
                vector = embeddings.encode(prompt.text, turns=prompt.turns, complexity_score=prompt.complexity_score)
                time.sleep(PAUSE_SECONDS)
            self._waiting.append(NotedVector(prompt.request_id, prompt.team_id, vector, prompt.noted_at))
        excess = max(0, len(self._waiting) - MAX_WAITING)
        for _ in range(excess):
            self._waiting.popleft()
        self._count_dropped(excess)

    def _count_dropped(self, count: int) -> None:
        if count and not self.dropped:
            logger.warning("Vectors of prompts are dropped: the database takes none")
        self.dropped += count
