from collections.abc import Callable, Iterator
from io import StringIO

import pytest
from django.core.management import call_command

from routing.services import snapshot


@pytest.fixture(autouse=True)
def fresh_snapshot() -> Iterator[None]:
    """What one test configured must not be what the next one decides from."""
    snapshot.reset()
    yield
    snapshot.reset()


@pytest.fixture
def optimizer() -> Callable[..., str]:
    """Run `manage.py optimizer` with the arguments; returns what it wrote."""

    def run(*arguments: str) -> str:
        output = StringIO()
        call_command("optimizer", *arguments, stdout=output)
        return output.getvalue()

    return run
