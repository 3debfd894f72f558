from collections.abc import Iterator

import pytest

from jobs.services import doorbell, pulses


@pytest.fixture(autouse=True)
def as_if_just_started() -> Iterator[None]:
    """What one test's process remembers must not be what the next one's does."""
    doorbell.forget()
    pulses.forget()
    yield
    doorbell.forget()
    pulses.forget()
