import json
import os
import signal
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management.base import CommandError
from django.utils import timezone

from accounts.models import Team
from accounts.selectors import TeamInfo
from learning.models import Calibration
from routing.models import StoredPrompt
from routing.services import answer_copies
from tests import factories
from tests.learning.services.fake_http import Answer, completion, fake_http, refusal

pytestmark = pytest.mark.django_db
Run = Callable[..., str]
GRADER = ("--grader-url", "http://127.0.0.1:9/")


@pytest.fixture
def team(monkeypatch: pytest.MonkeyPatch) -> Team:
    """A team that keeps its one prompt, a model, and no key in the environment."""
    monkeypatch.delenv("OPTIMIZER_API_KEY", raising=False)
    factories.price(factories.language_model(factories.provider("acme"), "small"))
    team = factories.team("acme-team", prompt_retention_days=30)
    entry = factories.ledger_entry(team, prompt_fingerprint=uuid.uuid4().hex)
    stored = answer_copies.stored_prompt(
        str(entry.request_id),
        TeamInfo(team.id, team.slug, "", None, 30),
        [{"role": "user", "content": "Why?"}],
        b"{}",
        timezone.now(),
    )
    assert stored is not None
    StoredPrompt.objects.bulk_create([stored])
    return team


def planned(optimizer: Run) -> str:
    return str(json.loads(optimizer("calibrate", "plan", "acme-team", *GRADER, "--json"))["id"])


def test_plan_tells_the_price_and_how_to_start(optimizer: Run, team: Team) -> None:
    told = optimizer("calibrate", "plan", "acme-team", *GRADER, "--max-tokens", "100")
    row = Calibration.objects.get()
    # 9 tokens of input at 1,000 nano-dollars and 100 of output at 2,000.
    assert f"calibrate start {row.pk} --budget-usd 0.000209" in told
    assert "Nothing is spent yet" in told


def test_calibrations_are_listed_shown_and_cancelled(optimizer: Run, team: Team) -> None:
    assert "calibrate plan TEAM" in optimizer("calibrate", "status")
    number = planned(optimizer)
    assert "acme-team  planned" in optimizer("calibrate", "status")
    assert json.loads(optimizer("calibrate", "status", number, "--json"))["state"] == "planned"
    assert "is cancelled" in optimizer("calibrate", "cancel", number)
    with pytest.raises(CommandError, match="is cancelled already: there is nothing to cancel"):
        optimizer("calibrate", "cancel", number)


def test_start_needs_a_key_of_the_team_and_enough_budget(optimizer: Run, team: Team) -> None:
    number = planned(optimizer)
    _, secret = factories.api_key(team)
    _, foreign = factories.api_key()
    with pytest.raises(CommandError, match="OPTIMIZER_API_KEY"):
        optimizer("calibrate", "start", number, "--budget-usd", "1")
    with pytest.raises(CommandError, match="not a usable one of team acme-team"):
        optimizer("calibrate", "start", number, "--budget-usd", "1", "--key", foreign)
    with pytest.raises(CommandError, match=r"0 USD are too little: .* expected to cost"):
        optimizer("calibrate", "start", number, "--budget-usd", "0", "--key", secret)
    with pytest.raises(CommandError, match="No budget is confirmed"):
        optimizer("calibrate", "resume", number, "--key", secret)
    assert Calibration.objects.get().state == "planned"


def echoing(body: dict[str, Any], _headers: dict[str, str]) -> Answer:
    return completion(body["messages"][-1]["content"], body["model"])


def planned_by_reference(optimizer: Run, tmp_path: Path) -> tuple[str, str]:
    """Plan a calibration graded by references, and return its number and their file."""
    file = tmp_path / "references.csv"
    file.write_text("prompt,reference\nWhy?,why\n")
    arguments = ("--compare", "normalized", "--references", str(file))
    return str(json.loads(optimizer("calibrate", "plan", "acme-team", *arguments, "--json"))["id"]), str(file)


def test_started_calibration_works_to_its_end_and_shows_what_it_found(
    optimizer: Run, team: Team, tmp_path: Path
) -> None:
    number, file = planned_by_reference(optimizer, tmp_path)
    _, secret = factories.api_key(team)
    with fake_http(echoing) as gateway:
        told = optimizer(
            *("calibrate", "start", number, "--budget-usd", "1", "--key", secret),
            *("--base-url", gateway.url, "--references", file),
        )
    assert "state: completed" in told
    assert "acme/small  1        1.000    0.207 to 1.000" in told


def test_interruption_pauses_and_says_how_to_go_on(optimizer: Run, team: Team, tmp_path: Path) -> None:
    number, file = planned_by_reference(optimizer, tmp_path)
    _, secret = factories.api_key(team)

    def interrupting(_body: dict[str, Any], _headers: dict[str, str]) -> Answer:
        os.kill(os.getpid(), signal.SIGINT)
        return refusal(503, "overloaded")

    run = ("--key", secret, "--references", file, "--base-url")
    with fake_http(interrupting) as gateway, pytest.raises(CommandError, match=f"calibrate resume {number}"):
        optimizer("calibrate", "start", number, "--budget-usd", "1", *run, gateway.url)
    assert Calibration.objects.get().state == "paused"
    with fake_http(echoing) as gateway:
        assert "state: completed" in optimizer("calibrate", "resume", number, *run, gateway.url)


def test_team_that_keeps_nothing_is_refused_with_the_cure(optimizer: Run, team: Team) -> None:
    factories.team("private")
    with pytest.raises(CommandError, match=r"does not keep its prompts.*outcomes import FILE"):
        optimizer("calibrate", "plan", "private", *GRADER)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("status", "7"), "There is no calibration 7"),
        (("plan", "nobody", *GRADER), "There is no team 'nobody'"),
        (("plan", "acme-team", "--grader-url", "http://10.0.0.1/"), "not allowed: add it to CALIBRATION_GRADER_HOSTS"),
        (("plan", "acme-team", "--judge", "nothing"), "No reachable provider offers the model 'nothing'"),
        (("plan", "acme-team", "--compare", "exact"), "--references"),
        (("plan", "acme-team", "--compare", "exact", "--references", "/"), "is a folder"),
    ],
)
def test_what_cannot_be_planned_is_named(optimizer: Run, team: Team, arguments: tuple[str, ...], why: str) -> None:
    with pytest.raises(CommandError, match=why):
        optimizer("calibrate", *arguments)
