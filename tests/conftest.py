from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.services import start_redis

# The suite says the same of the same code each time; `make fuzz` is the command that looks for what is new.
# How long an example takes says more of the machine than of the code.
settings.register_profile("suite", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")


@pytest.fixture(scope="session")
def redis_server() -> Iterator[str]:
    """URL of a Redis server of this test process alone, so that a test may flush, freeze or fill it."""
    with start_redis() as url:
        yield url
