from collections.abc import Callable, Iterator
from io import StringIO
from threading import Thread

import pytest
from django.core.management import call_command

from routing.services import snapshot
from tests.optimizer_project.fake_api import FakeServer, Handler


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


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer(("127.0.0.1", 0), Handler) as fake:
        fake.seen = []
        Thread(target=fake.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield fake
        fake.shutdown()


@pytest.fixture
def url(server: FakeServer) -> str:
    return f"http://127.0.0.1:{server.server_port}"


@pytest.fixture(autouse=True)
def no_key_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPTIMIZER_API_KEY", raising=False)
