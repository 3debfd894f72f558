import json
from collections.abc import Callable

import pytest
from django.core.management.base import CommandError

from accounts.models import FeatureChange, RolloutPhase
from accounts.services import features
from tests import factories

pytestmark = pytest.mark.django_db
Run = Callable[..., str]


def test_kill_switch_is_one_command(optimizer: Run) -> None:
    shown = optimizer("features", "disable", "learned_routing", "--reason", "p95 doubled")

    change = FeatureChange.objects.get()
    assert shown == "The feature learned_routing is off for everybody, in every process within a second.\n"
    assert (change.changed_by, change.reason) == ("command line", "p95 doubled")
    assert not features.is_enabled("learned_routing")


def test_feature_comes_back_for_one_team_and_for_all(optimizer: Run) -> None:
    team = factories.team("builders")
    optimizer("features", "disable", "roi", "--team", "builders")

    assert "on for team builders" in optimizer("features", "enable", "roi", "--team", "builders")
    assert "roi is on for it" in optimizer("features", "reset", "roi", "--team", "builders")
    assert features.is_enabled("roi", team)


def test_enabling_for_a_team_says_that_everybody_is_still_without_it(optimizer: Run) -> None:
    factories.team("builders")
    optimizer("features", "disable", "roi")

    assert "roi is off for everybody" in optimizer("features", "enable", "roi", "--team", "builders")


def test_enabling_says_where_the_environment_wins(optimizer: Run, settings: pytest.FixtureRequest) -> None:
    settings.LEARNING_ENABLED = False  # type: ignore[attr-defined]

    shown = optimizer("features", "enable", "roi")

    assert "environment keeps roi off: see LEARNING_ENABLED and LEARNING_FEATURES_DISABLED" in shown


def test_list_shows_every_feature_with_what_decides(optimizer: Run) -> None:
    factories.team("builders")
    optimizer("features", "disable", "roi", "--team", "builders")
    optimizer("features", "disable", "trends", "--reason", "slow")

    lines = {line.split()[0]: line for line in optimizer("features", "list").splitlines()}
    found = json.loads(optimizer("features", "list", "--team", "builders", "--json"))

    assert len(lines) == 13
    assert "OFF" in lines["trends"]
    assert "slow" in lines["trends"]
    assert lines["roi"].endswith("builders off")
    assert {feature["name"] for feature in found if not feature["is_enabled_for_team"]} == {"roi", "trends"}


def test_reset_of_a_team_without_a_setting_fails(optimizer: Run) -> None:
    factories.team("builders")

    with pytest.raises(CommandError, match="no setting of roi of its own"):
        optimizer("features", "reset", "roi", "--team", "builders")


@pytest.mark.parametrize("arguments", [("disable", "telepathy"), ("disable", "roi", "--reason", "x" * 501)])
def test_wrong_arguments_fail(optimizer: Run, arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError):
        optimizer("features", *arguments)


def test_rollout_is_led_from_the_command_line(optimizer: Run) -> None:
    for number in range(10):
        factories.team(f"team-{number}")

    none = optimizer("rollout", "status")
    started = optimizer("rollout", "start", "insights", "roi")
    confirmed = optimizer("rollout", "confirm", "team_trained")
    advanced = optimizer("rollout", "advance", "--override", "a trial")
    back = optimizer("rollout", "rollback", "--reason", "complaints", "--issue", "figures are off")
    issue = optimizer("rollout", "issue", "still off")

    assert none == "No rollout runs: every feature that is on reaches all 10 teams.\n"
    assert "1 of 10 teams have insights, roi" in started
    assert "It may not go on: 7 of 7 criteria do not hold." in started
    assert "It may not go on: 6 of 7 criteria do not hold." in confirmed
    # A quarter of ten teams, rounded up.
    assert "Phase 2 (25% of the teams)" in advanced
    assert "3 of 10 teams" in advanced
    assert "Phase 1 (10% of the teams)" in back
    assert "command line: still off" in issue
    assert RolloutPhase.objects.filter(reason="a trial").count() == 1


def test_rollout_does_not_advance_while_criteria_do_not_hold(optimizer: Run) -> None:
    optimizer("rollout", "start", "insights")

    with pytest.raises(CommandError, match="Phase 1 cannot be left yet"):
        optimizer("rollout", "advance")


def test_rollout_is_shown_as_json(optimizer: Run) -> None:
    optimizer("rollout", "start", "insights")

    found = json.loads(optimizer("rollout", "status", "--json"))

    assert (found["phase"]["number"], found["may_advance"], len(found["criteria"])) == (1, False, 7)


@pytest.mark.parametrize("arguments", [("rollback", "--reason", "x"), ("advance",), ("confirm", "team_trained")])
def test_nothing_moves_while_no_rollout_runs(optimizer: Run, arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError, match="No rollout runs"):
        optimizer("rollout", *arguments)
