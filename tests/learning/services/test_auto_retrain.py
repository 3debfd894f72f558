"""What the feature auto_retrain holds back: what the schedule does, not what people ask for."""

from typing import Any

import pytest

from accounts.services import features
from learning.models import RetrainingRun
from learning.services import promotion, retraining, training
from routing.models import PolicyVersion
from tests import factories
from tests.learning.rated_models import NOW, catalog, rate

pytestmark = pytest.mark.django_db

WHO: dict[str, Any] = {"actor": "ada", "now": NOW}


def retrain_all(trigger: str) -> list[str]:
    found = retraining.retrain_all(trigger=trigger, actor="ada", now=NOW)
    return list(
        RetrainingRun.objects.filter(run_id__in=[one.run_id for one in found]).values_list("team__slug", flat=True)
    )


def test_schedule_retrains_nothing_while_it_is_off() -> None:
    catalog()
    rate(factories.team(), 10)
    features.disable("auto_retrain", **WHO)

    assert retrain_all("schedule") == []
    assert not RetrainingRun.objects.exists()


def test_schedule_passes_over_one_team_that_learns_alone() -> None:
    catalog()
    alone, other = (factories.team(slug, learns_alone=True) for slug in ("alone", "other"))
    features.disable("auto_retrain", team=alone, **WHO)

    assert set(retrain_all("schedule")) == {None, other.slug}


def test_retraining_by_hand_runs_all_the_same() -> None:
    catalog()
    features.disable("auto_retrain", **WHO)

    assert retrain_all("command") == [None]
    assert retraining.retrain(team=None, trigger="api", dry_run=False, **WHO).policy_version is None


def test_no_predictor_is_trained_while_it_is_off(caplog: pytest.LogCaptureFixture) -> None:
    features.disable("auto_retrain", **WHO)

    assert training.train_all(actor="schedule", now=NOW) == []
    assert "Training of all teams left out" in caplog.text


def test_candidates_wait_while_it_is_off(caplog: pytest.LogCaptureFixture) -> None:
    PolicyVersion.objects.create(
        version=1, document={}, state="candidate", source="predictor", created_by="training", created_at=NOW
    )
    features.disable("auto_retrain", **WHO)

    assert promotion.evaluate_open(now=NOW) == []
    assert "Policy 1 not evaluated" in caplog.text
