from collections.abc import Iterator

import pytest

from tests.services import start_redis


@pytest.fixture(scope="session")
def redis_server() -> Iterator[str]:
    """URL of a Redis server of this test process alone, so that a test may flush, freeze or fill it."""
    with start_redis() as url:
        yield url
