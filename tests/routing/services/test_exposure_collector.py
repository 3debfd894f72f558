from dataclasses import replace
from datetime import timedelta

import pytest

from routing.domain.traffic_split import Arm, Split
from routing.models import Exposure
from routing.services import exposure_collector
from routing.services.assignments import Assignment
from routing.services.exposure_collector import ExposureCollector
from routing.services.running_splits import RunningSplit
from tests.factories import NOON

ARMS = (Arm("control", 0.5, strategy="complexity"), Arm("test", 0.5, strategy="learning"))
SPLIT = Split(42, 1, "user", ARMS, traffic_percent=0)


def assignment(unit: str = "bob", *, split: Split = SPLIT) -> Assignment:
    return Assignment(RunningSplit(split, None, {}), split.arm_of(unit), unit)


@pytest.mark.django_db
def test_each_unit_is_written_once_with_its_arm_and_the_time_it_first_came() -> None:
    collector = ExposureCollector()
    for minutes in range(3):
        collector.note(assignment("bob"), 1, NOON + timedelta(minutes=minutes))
    collector.note(assignment("bob"), 2, NOON)
    assert (len(collector), collector.flush(), len(collector)) == (2, 2, 0)

    # Another process sees the same user later.
    other = ExposureCollector()
    other.note(assignment("bob"), 1, NOON + timedelta(hours=1))
    other.flush()

    bob = Exposure.objects.get(unit=exposure_collector.unit_hash(1, "bob"))
    assert (bob.experiment_id, bob.phase, bob.arm, bob.exposed_at) == (42, 1, "control", NOON)
    assert Exposure.objects.count() == 2


@pytest.mark.django_db
def test_unit_is_exposed_anew_in_a_new_phase() -> None:
    collector = ExposureCollector()
    collector.note(assignment(), 1, NOON)
    collector.note(assignment(split=replace(SPLIT, phase=2)), 1, NOON)
    assert collector.flush() == 2


def test_requests_are_no_units_to_be_written_down() -> None:
    collector = ExposureCollector()
    collector.note(assignment(split=replace(SPLIT, unit="request")), 1, NOON)
    assert len(collector) == 0


def test_units_beyond_what_can_wait_are_dropped_and_counted() -> None:
    collector = ExposureCollector()
    for number in range(exposure_collector.MAX_WAITING + 3):
        collector.note(assignment(f"user-{number}"), 1, NOON)
    assert (len(collector), collector.dropped) == (exposure_collector.MAX_WAITING, 3)


@pytest.mark.django_db(transaction=True)
def test_exposures_that_the_database_refuses_hold_nothing_up() -> None:
    collector = ExposureCollector()
    collector.note(assignment(split=replace(SPLIT, phase=10**6)), 1, NOON)
    collector.note(assignment(), 1, NOON)
    collector.flush()
    assert len(collector) == 0
