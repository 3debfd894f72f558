from datetime import UTC, datetime, timedelta

import pytest

from routing.domain.latency_histogram import Percentiles
from routing.domain.traffic import Dimension, total
from routing.selectors import usage
from routing.services import rollups
from tests import factories

pytestmark = pytest.mark.django_db

MIDNIGHT = datetime(2026, 3, 4, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def team():
    """A team with a request at half past each of these hours; the first two days are rolled up, the last hours not."""
    team = factories.team("builders")
    for hour, model in ((0, "small"), (1, "large"), (1, "small"), (25, "small"), (49, "large"), (50, "small")):
        created_at = MIDNIGHT + timedelta(hours=hour, minutes=30)
        factories.ledger_entry(team, created_at=created_at, served_model=model, latency_ms=10 * (hour + 1))
    rollups.roll(now=MIDNIGHT + timedelta(hours=49))
    return team


def requests_of(points):
    return [((point.starts_at - MIDNIGHT) / HOUR, point.traffic.requests) for point in points]


def test_a_series_has_every_step_and_zeros_where_nothing_happened(team):
    period = usage.window(team_id=team.id, since=MIDNIGHT, until=MIDNIGHT + 3 * HOUR)

    assert requests_of(usage.series(period, step=HOUR)) == [(0, 1), (1, 2), (2, 0)]


def test_a_series_joins_days_hours_and_the_ledger(team):
    period = usage.window(team_id=team.id, since=MIDNIGHT, until=MIDNIGHT + 3 * DAY)

    assert requests_of(usage.series(period, step=DAY)) == [(0, 3), (24, 1), (48, 2)]
    assert requests_of(usage.series(period, step=12 * HOUR)) == [(0, 3), (12, 0), (24, 1), (36, 0), (48, 2), (60, 0)]


def test_a_series_counts_nothing_outside_its_period(team):
    period = usage.window(team_id=team.id, since=MIDNIGHT + HOUR, until=MIDNIGHT + timedelta(hours=49, minutes=31))

    assert requests_of(usage.series(period, step=DAY)) == [(0, 2), (24, 1), (48, 1)]


def test_a_series_by_model_has_what_there_is(team):
    period = usage.window(team_id=team.id)

    points = usage.series(period, step=DAY, by=Dimension.MODEL)

    assert [(point.labels[1], point.traffic.requests) for point in points] == [
        ("small", 2),
        ("large", 1),
        ("small", 1),
        ("large", 1),
        ("small", 1),
    ]


@pytest.mark.parametrize("step", [timedelta(minutes=30), timedelta(minutes=90)])
def test_a_step_of_broken_hours_is_refused(team, step):
    with pytest.raises(ValueError, match="no whole number of hours"):
        usage.series(usage.window(team_id=team.id), step=step)


def test_breakdowns_agree_with_each_other_and_with_the_totals(team):
    period = usage.window(team_id=None)

    found = usage.breakdowns(period, *Dimension)

    assert {total(parts.values()) for parts in found.values()} == {usage.totals(period)}
    assert {labels: part.requests for labels, part in found[Dimension.MODEL].items()} == {
        ("openai", "small"): 4,
        ("openai", "large"): 2,
    }
    assert list(found[Dimension.OUTCOME]) == [("settled",)]
    assert list(found[Dimension.API_KEY]) == [(None,)]


def test_another_teams_requests_are_in_the_figures_of_all_teams_only(team):
    factories.ledger_entry(factories.team(), created_at=MIDNIGHT)
    rollups.roll(now=MIDNIGHT + DAY)

    assert usage.totals(usage.window(team_id=team.id)).requests == 6
    assert usage.totals(usage.window(team_id=None)).requests == 7


def test_latencies_come_by_label_and_by_step(team):
    period = usage.window(team_id=team.id, since=MIDNIGHT, until=MIDNIGHT + 3 * DAY)

    by_model = usage.latency_by(period, Dimension.MODEL)
    whole, steps = usage.latency_with_series(period, step=DAY)

    # Large took 20 and 500 ms; the three requests of the first day 10, 20 and 20.
    assert by_model["openai", "large"].p50 == pytest.approx(260, rel=1 / 64)
    assert [point.latency.p50 for point in steps] == pytest.approx([20, 260, 505], rel=1 / 64)
    assert whole == usage.latency(period)


def test_latencies_of_a_step_without_answers_are_unknown(team):
    period = usage.window(team_id=team.id, since=MIDNIGHT + 2 * HOUR, until=MIDNIGHT + 3 * HOUR)

    _, (point,) = usage.latency_with_series(period, step=HOUR)

    assert point.latency == Percentiles(None, None, None)


def test_a_period_that_ends_before_it_begins_is_empty(team):
    assert usage.totals(usage.window(team_id=team.id, since=MIDNIGHT + DAY, until=MIDNIGHT)).requests == 0
