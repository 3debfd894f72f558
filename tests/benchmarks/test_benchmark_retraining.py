from datetime import UTC, datetime

import pytest

from benchmarks import retraining, retraining_rows
from benchmarks.retraining import Sample
from feedback.models import ResponseFeedback
from tests.learning import rated_models


def test_a_sample_becomes_a_row_of_the_table() -> None:
    # 10 seconds over a million ratings are 10 microseconds a rating.
    sample = Sample(rows=1_000_000, counted=990_000, dry_seconds=9.5, seconds=10.0, peak_mib=120.4, grown_mib=1.26)

    assert retraining.table([sample]).splitlines()[2] == "| 1,000,000 | 990,000 | 9.50 | 10.00 | 10.0 | 120 | 1.3 |"


@pytest.mark.django_db
def test_the_ratings_made_up_are_ratings_that_count() -> None:
    retraining_rows.fill(500)

    assert ResponseFeedback.objects.filter(linked=True).count() == 500
    report = rated_models.retrain(dry_run=True, now=datetime.now(UTC))
    assert {entry.pattern for entry in report.skipped} | {change.pattern for change in report.changes} == set(
        retraining_rows.PATTERNS
    )
