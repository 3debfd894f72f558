from datetime import timedelta

import pytest

from accounts.models import Budget, Team
from accounts.selectors import TeamInfo
from accounts.services import budgets
from experiments.models import Experiment
from insights.domain.finding import ActionKind
from insights.models import AppliedAction, Finding, InsightsVersion
from insights.services import actions
from insights.services.actions import ActionNotFound, NotApplicable
from routing.domain.decision import Controls
from routing.domain.team_rules import Kind
from routing.models import TeamRule, TrafficSplit
from routing.services import decisions, snapshot, team_rules
from routing.services.team_rules import Wanted
from routing.services.wish import Wish
from tests import factories
from tests.insights.actionable import LARGE, NOW, SMALL, finding, team_with_models

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(hours=1)
CODE = {"messages": [{"role": "user", "content": "Write a Python function that sorts a list"}]}
ONE_USD = 1_000_000_000


@pytest.fixture
def team() -> Team:
    return team_with_models()


def apply(found: Finding) -> AppliedAction:
    return actions.apply(found, actor="jo", now=NOW)


def revert(applied: AppliedAction) -> AppliedAction:
    return actions.revert(applied, actor="al", now=LATER, reason="no")


def chosen(team: Team) -> str:
    info = TeamInfo(team.id, team.slug, "", None, None)
    found = decisions.plan(snapshot.load(), Wish(CODE, "auto", Controls(), info, request_id="r"))
    return found.decision.chosen.model.full_name


def test_routed_pattern_goes_to_the_model_and_back(team: Team) -> None:
    found = finding(team, ActionKind.ROUTE_PATTERN, pattern="code", model=LARGE)
    change = actions.preview(found)
    assert (change.summary, change.before, change.after, change.is_needed) == (
        f"Send code requests to {LARGE}.",
        "the strategy complexity chooses for each",
        f"all go to {LARGE}",
        True,
    )

    applied = apply(found)
    assert chosen(team) == LARGE
    assert TeamRule.objects.get().reason == "Suggested: Something costs too much"
    assert not actions.preview(found).is_needed

    reverted = revert(applied)
    assert chosen(team) == SMALL
    assert (reverted.reverted_at, reverted.reverted_by, reverted.revert_reason) == (LATER, "al", "no")


def test_rule_that_was_replaced_comes_back(team: Team) -> None:
    team_rules.add(Wanted(Kind.ROUTE_PATTERN, "code", LARGE), team=team, actor="jo", now=NOW)
    found = finding(team, ActionKind.ROUTE_PATTERN, pattern="code", model=SMALL)
    assert actions.preview(found).before == f"a rule sends them to {LARGE}"
    applied = apply(found)
    assert chosen(team) == SMALL
    revert(applied)
    assert chosen(team) == LARGE


def test_what_people_changed_since_stays_as_they_left_it(team: Team) -> None:
    applied = apply(finding(team, ActionKind.ROUTE_PATTERN, pattern="code", model=LARGE))
    team_rules.add(Wanted(Kind.ROUTE_PATTERN, "code", SMALL), team=team, actor="al", now=LATER)
    revert(applied)
    assert TeamRule.objects.get().model == SMALL


def test_what_was_so_already_stays_when_the_action_is_taken_back(team: Team) -> None:
    rule = team_rules.add(Wanted(Kind.EXCLUDE_MODEL, "", SMALL), team=team, actor="jo", now=NOW).rule
    applied = apply(finding(team, ActionKind.EXCLUDE_MODEL, model=SMALL))
    assert applied.undo == {}
    revert(applied)
    assert TeamRule.objects.get() == rule


def test_model_left_out_is_chosen_again_after_it_is_taken_back(team: Team) -> None:
    applied = apply(finding(team, ActionKind.EXCLUDE_MODEL, model=SMALL))
    assert chosen(team) == LARGE
    revert(applied)
    assert chosen(team) == SMALL


def test_cap_holds_until_it_is_taken_back(team: Team) -> None:
    found = finding(team, ActionKind.CAP_MAX_TOKENS, pattern="code", model=SMALL, max_tokens=1_024)
    change = actions.preview(found)
    assert change.summary == f"Cap max_tokens of code requests to {SMALL} at 1,024."
    assert (change.before, change.after) == ("as many tokens as the caller allows", "at most 1,024 tokens")
    applied = apply(found)
    assert TeamRule.objects.get().max_tokens == 1_024
    revert(applied)
    assert not TeamRule.objects.exists()


@pytest.mark.parametrize(("changed_to", "left"), [(3_600, None), (60, 60)])
def test_cache_is_turned_on_and_off_unless_somebody_chose_another_lifetime(
    team: Team, changed_to: int, left: int | None
) -> None:
    found = finding(team, ActionKind.ENABLE_RESPONSE_CACHE)
    assert (actions.preview(found).before, actions.preview(found).after) == (
        "off",
        "on: an answer is reused for 3,600 seconds",
    )
    applied = apply(found)
    assert Team.objects.get(id=team.id).cache_ttl_seconds == 3_600
    Team.objects.filter(id=team.id).update(cache_ttl_seconds=changed_to)
    revert(applied)
    assert Team.objects.get(id=team.id).cache_ttl_seconds == left


def test_cache_that_is_on_keeps_its_lifetime(team: Team) -> None:
    Team.objects.filter(id=team.id).update(cache_ttl_seconds=60)
    applied = apply(finding(team, ActionKind.ENABLE_RESPONSE_CACHE))
    assert (applied.undo, Team.objects.get(id=team.id).cache_ttl_seconds) == ({}, 60)


def test_budget_is_set_and_removed(team: Team) -> None:
    found = finding(team, ActionKind.SET_BUDGET, period="month", limit_nano_usd=5 * ONE_USD)
    assert actions.preview(found).after == "$5.00 a month"
    applied = apply(found)
    assert Budget.objects.get().limit_nano_usd == 5 * ONE_USD
    revert(applied)
    assert not Budget.objects.exists()


def test_budget_of_before_comes_back(team: Team) -> None:
    budgets.set_budget(team=team, period="month", limit_nano_usd=9 * ONE_USD, today=NOW.date())
    found = finding(team, ActionKind.SET_BUDGET, period="month", limit_nano_usd=5 * ONE_USD)
    assert actions.preview(found).before == "$9.00 a month"
    revert(apply(found))
    assert Budget.objects.get().limit_nano_usd == 9 * ONE_USD


def test_experiment_is_started_once_and_cancelled(team: Team) -> None:
    found = finding(team, ActionKind.START_EXPERIMENT, control_strategy="complexity", test_strategy="hybrid")
    applied = apply(found)
    experiment = Experiment.objects.get()
    assert (experiment.team, experiment.unit, experiment.traffic_percent) == (team, "request", 20.0)
    assert actions.preview(found).before == f"experiment {experiment.id} compares them already"
    revert(applied)
    assert Experiment.objects.get().status == "cancelled"
    assert not TrafficSplit.objects.filter(is_running=True).exists()


def test_users_are_assigned_where_nearly_all_requests_name_theirs(team: Team) -> None:
    for user in ["ann", "bob", None]:
        factories.ledger_entry(team, user_id=user)
    found = finding(team, ActionKind.START_EXPERIMENT, control_strategy="complexity", test_strategy="hybrid")
    assert "each request in one arm" in actions.preview(found).after
    for number in range(20):
        factories.ledger_entry(team, user_id=f"user-{number}")
    # 22 of 23 name a user.
    assert "each user in one arm" in actions.preview(found).after


def test_experiment_is_completed_and_begun_anew(team: Team) -> None:
    apply(finding(team, ActionKind.START_EXPERIMENT, control_strategy="complexity", test_strategy="hybrid"))
    first = Experiment.objects.get()
    Finding.objects.update(fingerprint="e" * 32)
    found = finding(team, ActionKind.COMPLETE_EXPERIMENT, experiment_id=first.id)
    assert actions.preview(found).before == "running, with no winner yet"
    applied = apply(found)
    assert Experiment.objects.get().status == "completed"
    revert(applied)
    again = Experiment.objects.latest("id")
    assert (again.status, again.control_strategy, again.arms) == ("running", "complexity", first.arms)


def test_experiment_of_another_team_or_of_all_is_not_the_teams_to_complete(team: Team) -> None:
    other = factories.team()
    apply(finding(other, ActionKind.START_EXPERIMENT, control_strategy="complexity", test_strategy="hybrid"))
    found = finding(team, ActionKind.COMPLETE_EXPERIMENT, experiment_id=Experiment.objects.get().id)
    with pytest.raises(NotApplicable, match="has no experiment"):
        apply(found)
    assert Experiment.objects.get().status == "running"


def test_applying_and_taking_back_twice_is_doing_it_once(team: Team) -> None:
    found = finding(team, ActionKind.ROUTE_PATTERN, pattern="code", model=LARGE)
    first, second = apply(found), apply(found)
    assert (first, AppliedAction.objects.count()) == (second, 1)
    revert(first)
    assert revert(first).reverted_by == "al"
    assert apply(found) != first


def test_action_that_cannot_be_taken_changes_nothing(team: Team) -> None:
    found = finding(team, ActionKind.ROUTE_PATTERN, pattern="code", model="openai/gone")
    for attempt in (actions.preview, apply):
        with pytest.raises(NotApplicable, match="no model that routing may choose"):
            attempt(found)
    assert not AppliedAction.objects.exists()


def test_suggestion_that_only_people_can_follow_is_not_applied(team: Team) -> None:
    with pytest.raises(NotApplicable, match="no action"):
        apply(finding(team, None))


def test_each_change_makes_the_teams_insights_be_computed_anew(team: Team) -> None:
    applied = apply(finding(team, ActionKind.ROUTE_PATTERN, pattern="code", model=LARGE))
    assert InsightsVersion.objects.get(team=team).number == 1
    revert(applied)
    assert InsightsVersion.objects.get(team=team).number == 2


def test_action_of_another_team_is_not_found(team: Team) -> None:
    applied = apply(finding(team, ActionKind.ROUTE_PATTERN, pattern="code", model=LARGE))
    assert actions.find(applied.id, team) == applied == actions.find(applied.id, None)
    with pytest.raises(ActionNotFound):
        actions.find(applied.id, factories.team())
