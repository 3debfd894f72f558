from datetime import timedelta

import pytest

from learning.models import LearningOverride
from learning.selectors import overrides as selectors
from learning.services import overrides
from learning.services.overrides import OverrideNotChangeable
from routing.models import PolicyActivation
from routing.services import policies as policy_services
from tests import factories
from tests.learning.rated_models import NOW, catalog, rate, retrain

pytestmark = pytest.mark.django_db


@pytest.fixture
def row() -> LearningOverride:
    """The active override that ten good ratings earned."""
    catalog()
    rate(factories.team(), 10)
    retrain()
    return LearningOverride.objects.get()


def in_force() -> dict[str, str]:
    return {pattern: found.full_name for pattern, found in selectors.in_force(None).items()}


def rows() -> dict[str, str]:
    return {row.pattern: f"{row.provider}/{row.model}" for row in selectors.active_rows(None)}


def revoke(row: LearningOverride) -> PolicyActivation:
    return overrides.revoke(row, actor="ann", reason="too slow", now=NOW)


def activate(row: LearningOverride) -> PolicyActivation:
    return overrides.activate(row, actor="ann", reason="fast enough now", now=NOW)


def test_a_revoked_override_routes_no_more(row: LearningOverride) -> None:
    activation = revoke(row)

    row.refresh_from_db()
    assert (row.status, row.revoked_by, row.revoked_reason) == ("revoked", "ann", "too slow")
    assert (in_force(), rows()) == ({}, {})
    assert (activation.kind, activation.actor, activation.reason) == ("staff", "ann", "too slow")


def test_runs_leave_alone_what_staff_revoked(row: LearningOverride) -> None:
    revoke(row)

    report = retrain()

    assert report.total_changes == 0
    assert [entry.why for entry in report.skipped] == ["revoked by ann: too slow"]


def test_an_activated_override_routes_again_and_runs_judge_it_again(row: LearningOverride) -> None:
    revoke(row)

    activate(row)

    assert in_force() == rows() == {"code": "openai/gpt-large"}
    assert retrain().total_changes == 0
    assert in_force() == {"code": "openai/gpt-large"}


def test_what_a_run_revoked_after_staff_activated_it_may_come_back(row: LearningOverride) -> None:
    revoke(row)
    activate(row)
    later = NOW + timedelta(days=120)

    assert [change.action for change in retrain(now=later).changes] == ["revoke"]
    rate(factories.team(), 10, requested_at=later)
    assert [change.action for change in retrain(now=later + timedelta(hours=1)).changes] == ["set"]


def test_activating_another_model_replaces_the_one_that_has_the_pattern(row: LearningOverride) -> None:
    other = LearningOverride.objects.create(
        pattern="code",
        provider="openai",
        model="gpt-small",
        confidence="medium",
        confidence_score=0.7,
        sample_count=6,
        avg_quality=4.0,
        correctness_rate=None,
        status="revoked",
        reason="of old",
        created_at=NOW - timedelta(days=30),
    )

    activate(other)

    row.refresh_from_db()
    assert in_force() == rows() == {"code": "openai/gpt-small"}
    assert row.revoked_reason == "replaced by openai/gpt-small: fast enough now"
    assert row.revoked_by == ""


def test_what_is_in_force_cannot_be_activated_nor_the_rest_revoked(row: LearningOverride) -> None:
    with pytest.raises(OverrideNotChangeable, match="is sent to openai/gpt-large already"):
        activate(row)
    revoke(row)
    with pytest.raises(OverrideNotChangeable, match="is not sent to openai/gpt-large"):
        revoke(row)


def test_a_rollback_leaves_nothing_active_that_the_policy_lacks(row: LearningOverride) -> None:
    first = PolicyActivation.objects.order_by("id")[0].policy_id
    assert first is not None
    rate(factories.team(), 10, pattern="factual")
    retrain()
    assert set(rows()) == {"code", "factual"}

    policy_services.rollback(version=first, team=None, actor="ann", reason="", now=NOW)

    assert in_force() == rows() == {"code": "openai/gpt-large"}
    gone = LearningOverride.objects.get(pattern="factual")
    assert gone.revoked_reason == f"policy {first} restored"
    # Unlike a revocation, a rollback keeps nothing away.
    assert retrain().total_changes == 1


def test_withdrawing_the_policy_ends_its_overrides_with_the_reason(row: LearningOverride) -> None:
    policy_services.withdraw(team=None, actor="ann", reason="too many complaints", now=NOW)

    row.refresh_from_db()
    assert (row.status, row.revoked_reason) == ("revoked", "no policy routes any more: too many complaints")
