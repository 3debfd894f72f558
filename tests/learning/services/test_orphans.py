from datetime import timedelta

import pytest

from learning.services import orphans
from routing.models import PolicyVersion, PredictorModel
from tests.learning.rated_models import NOW

pytestmark = pytest.mark.django_db


def predictor(name: str, days: int) -> PredictorModel:
    trained = NOW - timedelta(days=days)
    return PredictorModel.objects.create(sha256=name, content=b"", summary={}, trained_at=trained)


def test_predictors_that_no_policy_holds_are_deleted() -> None:
    held, new = predictor("held", 30), predictor("new", 0)
    predictor("unheld", 30)
    PolicyVersion.objects.create(
        document={},
        source="predictor",
        content_hash="",
        state="rejected",
        created_by="x",
        created_at=NOW,
        predictor=held,
    )

    assert orphans.clean(now=NOW) == {"predictors": 1}

    assert set(PredictorModel.objects.all()) == {held, new}
