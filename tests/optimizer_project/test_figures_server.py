import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from optimizer_project import figures_server
from tests.services import free_port

pytestmark = pytest.mark.django_db


@pytest.fixture
def address(settings) -> Iterator[str]:
    settings.METRICS_TOKEN = "t0ken"
    settings.METRICS_ALLOWED_NETWORKS = []
    server = figures_server.start(free_port())
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def get(url: str, token: str) -> tuple[int, str]:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()


def test_a_worker_serves_its_figures_to_whoever_has_the_token(address):
    status, text = get(f"{address}/metrics", "t0ken")

    assert status == 200
    assert "# TYPE learning_jobs_total counter" in text


def test_nobody_else_is_served_and_nothing_else_is_there(address):
    assert get(f"{address}/metrics", "other")[0] == 403
    assert get(f"{address}/admin/", "t0ken")[0] == 404
