from datetime import UTC, datetime

import pytest
from django.test import Client
from django.urls import reverse

from learning.models import Calibration, EvaluationOutcome, EvaluationSet
from tests import factories

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SETS = reverse("admin:learning_evaluationset_changelist")
CALIBRATIONS = reverse("admin:learning_calibration_changelist")


def evaluation_set(**fields: object) -> EvaluationSet:
    defaults = {"name": "bench", "source": "import", "created_at": NOW, "created_by": "ada"}
    return EvaluationSet.objects.create(**{**defaults, **fields})


CONFIRMED = {"confirmed": "yes", "reason": "as agreed"}


def running() -> Calibration:
    return Calibration.objects.create(
        team=factories.team(),
        evaluation_set=evaluation_set(source="calibration", outcome_count=3, is_enabled=False),
        state=Calibration.State.RUNNING,
        model_names=["acme/small", "acme/large"],
        request_ids=["1", "2", "3"],
        grader=Calibration.Grader.JUDGE,
        failures=[{"request_id": "1", "model": "acme/large", "code": "no", "message": ""}],
        budget_nano_usd=1_500_000_000,
        estimated_nano_usd=1,
        created_by="ada",
        created_at=NOW,
    )


def test_calibration_shows_its_progress_and_can_be_cancelled(admin_client: Client) -> None:
    row = running()
    shown = admin_client.get(CALIBRATIONS).content.decode()
    assert "3 of 6 answers graded, 1 failures" in shown
    assert "$1.50" in shown
    admin_client.post(CALIBRATIONS, {"action": "cancel", "_selected_action": [row.pk], **CONFIRMED})
    row.refresh_from_db()
    assert row.state == "cancelled"


def test_only_complete_sets_are_switched_on(admin_client: Client) -> None:
    complete = evaluation_set(content_hash="0" * 64, is_enabled=False)
    broken_off = evaluation_set(is_enabled=False)
    admin_client.post(SETS, {"action": "switch_on", "_selected_action": [complete.pk, broken_off.pk], **CONFIRMED})
    assert list(EvaluationSet.objects.filter(is_enabled=True)) == [complete]
    admin_client.post(SETS, {"action": "switch_off", "_selected_action": [complete.pk], **CONFIRMED})
    assert EvaluationSet.objects.filter(is_enabled=True).count() == 0


def test_prompts_of_outcomes_are_not_shown(admin_client: Client) -> None:
    outcome = EvaluationOutcome.objects.create(
        evaluation_set=evaluation_set(), prompt_hash="f00d", encrypted_prompt=b"never shown", model="gpt", quality=1
    )
    page = reverse("admin:learning_evaluationoutcome_change", args=[outcome.pk])
    shown = admin_client.get(page).content + admin_client.get(page.replace(f"{outcome.pk}/change/", "")).content
    assert b"never shown" not in shown
    assert b"f00d" not in shown
