"""Exports are whole, exact and harmless, and hold nothing that is secret."""

import csv
import json
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management.base import CommandError

from feedback.models import ResponseFeedback
from insights.models import AppliedAction, Finding, Review
from optimizer_project.cli.export_sets import SETS
from routing.models import LedgerEntry
from tests import factories
from tests.factories import NOON
from tests.insights.reviewed_traffic import finding

pytestmark = pytest.mark.django_db
Run = Callable[..., str]


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(text)))


def test_money_is_exact_and_a_dollar_amount(optimizer: Run) -> None:
    factories.ledger_entry(factories.team(), cost_nano_usd=3, baseline_cost_nano_usd=1, flags=["usage_clamped"])

    (row,) = rows(optimizer("export", "requests"))
    (line,) = optimizer("export", "requests", "--format", "jsonl").splitlines()

    # 1 nano-dollar less 3.
    assert (row["cost_usd"], row["savings_usd"], row["flags"]) == ("0.000000003", "-0.000000002", '["usage_clamped"]')
    assert (json.loads(line)["cost_usd"], json.loads(line)["flags"]) == ("0.000000003", ["usage_clamped"])


def test_formulas_of_callers_are_made_harmless(optimizer: Run) -> None:
    factories.feedback(factories.team(), comment="=cmd|' /C calc'!A0", user_id="@SUM(A1)")

    (row,) = rows(optimizer("export", "feedback"))

    assert (row["comment"], row["user_id"]) == ("'=cmd|' /C calc'!A0", "'@SUM(A1)")


def test_team_and_period_bound_what_is_written(optimizer: Run) -> None:
    builders = factories.team("builders")
    for days in (0, 1, 2, 5):
        factories.ledger_entry(builders, created_at=NOON + timedelta(days=days))
    factories.ledger_entry(factories.team("others"), created_at=NOON)

    shown = rows(
        optimizer(
            "export", "requests", "--team", "builders", "--since", "2026-03-05T12:00", "--until", "2026-03-09T12:00"
        )
    )

    # From the first moment on, before the last, a day after the other.
    assert [row["created_at"][:10] for row in shown] == ["2026-03-05", "2026-03-06"]
    assert len(rows(optimizer("export", "requests"))) == 5


def test_file_is_there_whole_for_its_owner_and_is_not_overwritten(optimizer: Run, tmp_path: Path) -> None:
    finding(factories.team(), title="A cheaper model would do")
    file = tmp_path / "findings.jsonl"

    assert optimizer("export", "findings", "--output", str(file)) == f"Rows written to {file}: 1.\n"

    assert json.loads(file.read_text())["estimated_monthly_savings_usd"] == "5.00"
    assert file.stat().st_mode & 0o777 == 0o600
    with pytest.raises(CommandError, match=r"is there already\. Choose another name, or overwrite it with --force"):
        optimizer("export", "findings", "--output", str(file))
    optimizer("export", "reviews", "--output", str(file), "--force")
    assert (file.read_text(), list(tmp_path.iterdir())) == ("", [file])


def test_file_that_cannot_be_written_is_told(optimizer: Run, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"cannot be written: No such file or directory\. Name a file in"):
        optimizer("export", "events", "--output", str(tmp_path / "none" / "events.csv"))


def test_period_without_a_moment_is_refused(optimizer: Run) -> None:
    with pytest.raises(CommandError, match="--since must be before --until"):
        optimizer("export", "events", "--since", "2026-03-02", "--until", "2026-03-02")


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("requests", LedgerEntry),
        ("feedback", ResponseFeedback),
        ("reviews", Review),
        ("findings", Finding),
        ("actions", AppliedAction),
    ],
)
def test_what_is_secret_or_only_ours_is_left_out(name: str, table: type) -> None:
    fields = {field.attname for field in table._meta.get_fields() if hasattr(field, "attname")}  # type: ignore[attr-defined]
    shown = {
        f"{column.removesuffix('_usd')}_nano_usd" if column.endswith("_usd") else column
        for column in SETS[name].columns
    }

    left_out = {
        "requests": {
            "prompt_fingerprint",
            "price_snapshot",
            "baseline_price_snapshot",
            "budget_period_ids",
            "instance_id",
        }
        | {"api_key_id", "candidates", "error_message", "experiment_phase", "reference_cost_nano_usd"},
        "feedback": {"idempotency_hash", "body_hash", "api_key_id", "ledger_request_id"},
        "reviews": set(),
        "findings": {"fingerprint", "review_id", "last_review_id"},
        "actions": {"undo", "baseline"},
    }
    assert fields - shown - {"team_id"} == left_out[name]
