from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest
from django.db import connection

from accounts.domain import rollout as order
from accounts.models import RolloutPhase, Team
from accounts.services import features, rollout
from accounts.services.features import UnknownFeature
from accounts.services.rollout import CannotGoBack, CriteriaNotMet, NoRollout, PhaseMoved, RolloutRunning
from tests import factories
from tests.factories import NOON

pytestmark = pytest.mark.django_db

WHO: dict[str, Any] = {"actor": "ada", "now": NOON}


@pytest.fixture
def teams() -> list[Team]:
    return [factories.team(f"team-{number}") for number in range(20)]


def reached(teams: list[Team], feature: str = "insights") -> set[str]:
    features.forget()
    return {team.slug for team in teams if features.is_enabled(feature, team)}


def advance(phase: RolloutPhase, **given: Any) -> RolloutPhase | None:
    return rollout.advance(phase.id, **{"unmet": (), "criteria": (), **WHO, **given})


def test_rollout_gives_a_feature_to_more_teams_with_each_phase_and_to_all_at_its_end(teams: list[Team]) -> None:
    found = []
    phase: RolloutPhase | None = rollout.start(["insights"], **WHO)
    while phase is not None:
        found.append(reached(teams))
        phase = advance(phase)
    found.append(reached(teams))

    # 10, 25, 50 and 100 % of 20 teams.
    assert [len(slugs) for slugs in found] == [2, 5, 10, 20, 20]
    assert all(earlier <= later for earlier, later in pairwise(found))
    assert RolloutPhase.objects.filter(ended_at=None).count() == 0


def test_only_the_features_of_the_rollout_are_held_back(teams: list[Team]) -> None:
    rollout.start(["insights"], **WHO)

    assert len(reached(teams, "trends")) == 20


def test_team_that_comes_later_moves_no_other_one_out(teams: list[Team]) -> None:
    rollout.start(["insights"], **WHO)
    before = reached(teams)

    for number in range(100):
        factories.team(f"later-{number}")

    assert reached(teams) == before


def test_phase_is_not_left_while_a_criterion_does_not_hold(teams: list[Team]) -> None:
    phase = rollout.start(["insights"], **WHO)

    with pytest.raises(CriteriaNotMet, match=r"Phase 1 cannot be left yet\. Errors: 3 of 100 requests\."):
        advance(phase, unmet=["Errors: 3 of 100 requests."])

    assert RolloutPhase.objects.get(ended_at=None).number == 1


def test_override_goes_on_and_keeps_who_and_why_with_what_was_measured(teams: list[Team]) -> None:
    phase = rollout.start(["insights"], **WHO)

    following = advance(phase, unmet=["Errors."], criteria=[{"name": "errors"}], override_reason="a known outage")

    phase.refresh_from_db()
    assert following is not None
    assert following.number == 2
    assert (phase.outcome, phase.reason, phase.ended_by) == ("overridden", "a known outage", "ada")
    assert phase.criteria == [{"name": "errors"}]


def test_reason_given_where_nothing_had_to_be_overridden_is_no_override(teams: list[Team]) -> None:
    phase = rollout.start(["insights"], **WHO)

    advance(phase, override_reason="in a hurry")

    phase.refresh_from_db()
    assert (phase.outcome, phase.reason) == ("advanced", "")


def test_rollback_takes_the_feature_from_the_teams_of_the_phase(teams: list[Team]) -> None:
    phase = rollout.start(["insights"], **WHO)
    first = reached(teams)
    advance(phase)

    rollout.rollback(reason="complaints", issue="figures are off", **WHO)

    left = RolloutPhase.objects.get(outcome="rolled_back")
    assert reached(teams) == first
    assert (left.number, left.reason, left.issues_found[0]["text"]) == (2, "complaints", "figures are off")


def test_rollback_never_reaches_a_team_that_the_phase_did_not() -> None:
    one = factories.team("one")
    rollout.start(["insights"], **WHO)
    advance(RolloutPhase.objects.get())
    later = [factories.team(f"later-{number}") for number in range(200)]
    before = reached([one, *later])

    rollout.rollback(reason="complaints", **WHO)

    assert reached([one, *later]) <= before


def test_rollback_from_the_first_phase_leaves_the_feature_to_nobody(teams: list[Team]) -> None:
    rollout.start(["insights"], **WHO)

    rollout.rollback(reason="complaints", **WHO)

    assert reached(teams) == set()
    with pytest.raises(CannotGoBack):
        rollout.rollback(reason="again", **WHO)


def test_new_rollout_after_one_that_went_back_switches_off_what_that_one_had(teams: list[Team]) -> None:
    rollout.start(["insights", "roi"], **WHO)
    rollout.rollback(reason="complaints", **WHO)

    rollout.start(["roi", "trends"], **WHO)

    assert reached(teams, "insights") == set()
    assert len(reached(teams, "roi")) == len(reached(teams, "trends")) == 2


def test_second_rollout_waits_for_the_first() -> None:
    rollout.start(["insights"], **WHO)

    with pytest.raises(RolloutRunning, match="in phase 1"):
        rollout.start(["roi"], **WHO)


def test_rollout_of_an_unknown_feature_is_refused() -> None:
    with pytest.raises(UnknownFeature):
        rollout.start(["telepathy"], **WHO)


def test_confirmation_is_kept_with_who_gave_it_until_it_is_taken_back() -> None:
    rollout.start(["insights"], **WHO)

    given = rollout.confirm("team_trained", **WHO).confirmations
    taken = rollout.confirm("team_trained", is_confirmed=False, **WHO).confirmations

    assert given == {"team_trained": {"by": "ada", "at": NOON.isoformat()}}
    assert taken == {}


def test_confirmations_do_not_carry_over_to_the_next_phase() -> None:
    phase = rollout.start(["insights"], **WHO)
    rollout.confirm("team_trained", **WHO)

    following = advance(phase)

    assert following is not None
    assert following.confirmations == {}


def test_nothing_can_be_moved_while_no_rollout_runs() -> None:
    with pytest.raises(NoRollout, match="No rollout runs"):
        rollout.report_issue("figures are off", **WHO)


def test_shares_are_those_of_the_contract() -> None:
    assert [order.SHARES[phase] for phase in (1, 2, 3, 4)] == [0.10, 0.25, 0.50, 1.0]


@pytest.mark.django_db(transaction=True)
def test_of_two_who_advance_at_once_one_is_told_that_the_other_was_first() -> None:
    phase = rollout.start(["insights"], **WHO)

    def go(_: int) -> bool:
        try:
            advance(phase)
        except PhaseMoved:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(4) as pool:
        moved = list(pool.map(go, range(4)))

    assert moved.count(True) == 1
    assert RolloutPhase.objects.get(ended_at=None).number == 2
