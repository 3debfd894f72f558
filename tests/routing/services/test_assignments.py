import logging
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs

from accounts.selectors import TeamInfo
from routing.domain.decision import Controls
from routing.domain.traffic_split import Arm, Split
from routing.services import assignments
from routing.services.assignments import Assignment, SplitNotHeld, UnitMissing
from routing.services.running_splits import RunningSplit
from routing.services.wish import Wish

TEAM = TeamInfo(1, "search", "", None, None)
HALVES = (Arm("control", 0.5, strategy="complexity"), Arm("test", 0.5, strategy="learning"))
AUTO = Wish({"messages": []}, "auto", Controls(), TEAM, request_id="r-1", session_id="s-1", user_id="bob")
NAMED = structs.replace(AUTO, requested_model="auto:complexity", experiment_id=42)


def running(experiment_id: int = 42, *, team_id: int | None = None, **fields: Any) -> dict[int, RunningSplit]:
    values = {"phase": 1, "unit": "user", "arms": HALVES, "traffic_percent": 0.0, **fields}
    return {experiment_id: RunningSplit(Split(experiment_id, **values), team_id, {})}


def arm(found: Assignment | None) -> tuple[int, str, str] | None:
    return None if found is None else (found.experiment_id, found.arm.name, found.unit)


def test_who_names_an_experiment_joins_it_whatever_its_share_of_traffic() -> None:
    # The position of "42:bob" is 0.159, in the first half.
    assert arm(assignments.of(running(traffic_percent=0.0), NAMED)) == (42, "control", "bob")


def test_thousand_users_are_divided_in_halves() -> None:
    splits = running()
    wishes = [structs.replace(NAMED, user_id=f"user-{number}") for number in range(1000)]
    arms = Counter(found.arm.name for wish in wishes if (found := assignments.of(splits, wish)))
    assert 450 <= arms["control"] <= 550
    assert arms.total() == 1000


@pytest.mark.parametrize(
    "splits", [{}, running(43), running(team_id=2)], ids=["none-runs", "another-runs", "another-team's"]
)
def test_experiment_that_is_not_held_for_the_team_is_told_apart(splits: dict[int, RunningSplit]) -> None:
    with pytest.raises(SplitNotHeld) as caught:
        assignments.of(splits, NAMED)
    assert caught.value.experiment_id == 42


@pytest.mark.parametrize(
    ("unit", "expected"), [("user", "bob"), ("session", "s-1"), ("request", "r-1")], ids=["user", "session", "request"]
)
def test_unit_is_what_the_experiment_assigns(unit: str, expected: str) -> None:
    for wish, percent in ((NAMED, 0.0), (AUTO, 100.0)):
        found = assignments.of(running(unit=unit, traffic_percent=percent), wish)
        assert found is not None
        assert found.unit == expected


@pytest.mark.parametrize(
    ("unit", "absent", "message"),
    [("user", {"user_id": None}, "assigns users"), ("session", {"session_id": ""}, "assigns sessions")],
)
def test_request_without_the_unit_joins_by_name_with_an_error_and_else_not(
    unit: str, absent: dict[str, Any], message: str
) -> None:
    with pytest.raises(UnitMissing, match=message):
        assignments.of(running(unit=unit), structs.replace(NAMED, **absent))
    assert assignments.of(running(unit=unit, traffic_percent=100.0), structs.replace(AUTO, **absent)) is None


@pytest.mark.parametrize(
    "change",
    [{"requested_model": "auto:hybrid"}, {"requested_model": "gpt-4o"}, {"request_id": None}, {"team": None}],
    ids=["strategy-asked-for", "model-asked-for", "preview", "no-team"],
)
def test_only_requests_for_auto_join_without_asking(change: dict[str, Any]) -> None:
    splits = running(traffic_percent=100.0)
    assert arm(assignments.of(splits, AUTO)) == (42, "control", "bob")
    assert assignments.of(splits, structs.replace(AUTO, **change)) is None


def test_other_teams_do_not_join_a_team_s_experiment() -> None:
    assert assignments.of(running(team_id=1, traffic_percent=100.0), AUTO) is not None
    assert assignments.of(running(team_id=2, traffic_percent=100.0), AUTO) is None


def test_of_several_experiments_the_first_that_takes_the_unit_gets_it() -> None:
    splits = {**running(7, team_id=2, traffic_percent=100.0), **running(42, traffic_percent=30.0)}
    splits |= running(43, traffic_percent=100.0)
    users = [structs.replace(AUTO, user_id=f"user-{number}") for number in range(1000)]
    taken = Counter(found.experiment_id for wish in users if (found := assignments.of(splits, wish)))
    assert set(taken) == {42, 43}
    # Three standard deviations from 300 of 1,000.
    assert taken[42] == pytest.approx(300, abs=43)
    assert taken.total() == 1000


def test_what_an_earlier_experiment_takes_away_says_nothing_about_the_arms_of_a_later_one() -> None:
    splits = {**running(42, traffic_percent=50.0), **running(43, traffic_percent=100.0)}
    users = [structs.replace(AUTO, user_id=f"user-{number}") for number in range(2000)]
    found = [assigned for wish in users if (assigned := assignments.of(splits, wish)) and assigned.experiment_id == 43]
    control = sum(assigned.arm.name == "control" for assigned in found)
    # About 1,000 users; three standard deviations of their halves are 3 x sqrt(1000) / 2 = 47.
    assert control == pytest.approx(len(found) / 2, abs=47)


def test_experiment_that_cannot_assign_is_passed_over_and_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    broken = running(10**6, arms=(), traffic_percent=100.0)
    with caplog.at_level(logging.ERROR):
        found = [arm(assignments.of({**broken, **running(42, traffic_percent=100.0)}, AUTO)) for _ in range(3)]
        assert assignments.of(broken, structs.replace(NAMED, experiment_id=10**6)) is None
    assert found == [(42, "control", "bob")] * 3
    assert [record.getMessage() for record in caplog.records] == ["Experiment 1000000 failed on a request: IndexError"]


def test_team_that_learns_alone_joins_a_shared_experiment_only_by_name() -> None:
    alone = replace(TEAM, learns_alone=True)
    shared, own = running(traffic_percent=100.0), running(traffic_percent=100.0, team_id=TEAM.id)

    assert assignments.of(shared, structs.replace(AUTO, team=alone)) is None
    assert assignments.of(own, structs.replace(AUTO, team=alone)) is not None
    assert assignments.of(shared, structs.replace(NAMED, team=alone)) is not None
