from collections.abc import Iterator

import pytest

from insights.services import insights_cache
from routing.services import breakers, snapshot


@pytest.fixture(autouse=True)
def forget_process_state() -> Iterator[None]:
    """Begin and end every test as a process that has just started."""
    snapshot.reset()
    breakers.reset()
    insights_cache.clear()
    yield
    snapshot.reset()
    breakers.reset()
    insights_cache.clear()
