"""The demo and the questions of health, against a server that answers as ours would."""

import json
from collections.abc import Callable

import pytest
from django.core.management.base import CommandError

from tests.optimizer_project.command_cases import ANSWERS, BODIES
from tests.optimizer_project.fake_api import FakeServer

Run = Callable[..., str]


@pytest.fixture(autouse=True)
def answers(server: FakeServer) -> None:
    server.answers = dict(BODIES)


def sent(server: FakeServer, path: str) -> list[bytes]:
    return [body for where, _, body in server.seen if where == path]


def test_demo_asks_and_rates_what_can_be_checked(optimizer: Run, server: FakeServer, url: str) -> None:
    shown = json.loads(optimizer("demo", "--url", url, "--api-key", "aco_key", "--json"))

    # Eight prompts; the poem is a matter of taste.
    assert (len(sent(server, "/complete")), len(sent(server, "/feedback"))) == (8, 7)
    assert [row["stars"] for row in shown["prompts"]] == [5, 5, 5, 5, 5, 5, None, 5]
    assert (shown["cost_usd"], shown["baseline_cost_usd"], shown["savings_usd"]) == ("0.001000", "0.008", "0.007000")
    assert shown["prompts"][0]["why"] == "cheapest of 2 simple models"


def test_wrong_answers_get_two_stars(optimizer: Run, server: FakeServer, url: str) -> None:
    server.answers = {
        **BODIES,
        "/complete": json.dumps({**ANSWERS["/complete"], "response": "I do not know."}).encode(),
    }

    optimizer("demo", "--url", url, "--api-key", "aco_key")

    rating = json.loads(sent(server, "/feedback")[0])
    assert (rating["quality_score"], rating["is_correct"], rating["user_id"]) == (2, False, "demo")


def test_real_providers_are_not_asked_unless_told(optimizer: Run, server: FakeServer, url: str) -> None:
    decision = {
        "provider": "openai",
        "model": "gpt-4o-mini",
        "expected_cost_usd": 0.000125,
        "candidates": [{"provider": "openai", "model": "gpt-4o-mini", "simulated": False}],
    }
    server.answers = {**BODIES, "/routing/decision": json.dumps(decision).encode()}

    with pytest.raises(CommandError, match=r"openai/gpt-4o-mini \(8\), for about 0\.001000 USD in all\. Nothing was"):
        optimizer("demo", "--url", url, "--api-key", "aco_key")
    assert sent(server, "/complete") == []
    optimizer("demo", "--url", url, "--api-key", "aco_key", "--yes")
    assert len(sent(server, "/complete")) == 8


def test_prompt_that_was_broken_off_before_is_told_with_the_cure(optimizer: Run, server: FakeServer, url: str) -> None:
    server.statuses = {"/complete": 409}
    server.answers = {**BODIES, "/complete": b'{"detail": "A request with this Idempotency-Key is being worked on."}'}

    with pytest.raises(CommandError, match=r"answered 409: A request .* manage\.py optimizer demo --again"):
        optimizer("demo", "--url", url, "--api-key", "aco_key")


@pytest.mark.parametrize("path", ["/routing/decision", "/complete"])
def test_demo_recognizes_another_server(optimizer: Run, server: FakeServer, url: str, path: str) -> None:
    server.answers = {**BODIES, path: b"[]"}

    with pytest.raises(CommandError, match="is it this server"):
        optimizer("demo", "--url", url, "--api-key", "aco_key")


def test_health_fails_where_requests_cannot_be_answered(optimizer: Run, server: FakeServer, url: str) -> None:
    server.statuses = {"/health": 503}
    server.answers = {**BODIES, "/health": b'{"status": "unhealthy", "database": "unavailable", "providers": {}}'}

    with pytest.raises(CommandError, match=r"is not well: health is unhealthy\. .* manage\.py optimizer doctor"):
        optimizer("health", "--url", url)


def test_what_works_behind_the_requests_counts_when_all_is_asked(optimizer: Run, server: FakeServer, url: str) -> None:
    server.statuses = {"/health/jobs": 503}
    server.answers = {**BODIES, "/health/jobs": b'{"status": "unhealthy", "last_sweep_at": null}'}

    assert json.loads(optimizer("health", "--url", url, "--json"))["jobs"]["status"] == "unhealthy"
    with pytest.raises(CommandError, match="jobs is unhealthy"):
        optimizer("health", "--url", url, "--all")


def test_health_waits_until_it_is_well(optimizer: Run, server: FakeServer, url: str) -> None:
    # Not well when it is asked first, and well from the second time on.
    class Later(dict[str, int]):
        def get(self, path: str, default: int) -> int:  # type: ignore[override]
            return self.pop(path, default)

    server.statuses = Later({"/health/readiness": 503})

    assert "ready" in optimizer("health", "--url", url, "--wait", "30")


@pytest.mark.parametrize(("status", "answer"), [(200, b"<html>"), (404, b'{"status": "ok"}'), (200, b"{}")])
def test_health_recognizes_another_server(
    optimizer: Run, server: FakeServer, url: str, status: int, answer: bytes
) -> None:
    server.statuses, server.answers = {"/health/readiness": status}, {"/health/readiness": answer}

    with pytest.raises(CommandError, match="is not this server"):
        optimizer("health", "--url", url)
