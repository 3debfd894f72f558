from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from msgspec import structs

from accounts.models import Team
from accounts.selectors import TeamInfo
from accounts.services import config_version
from routing.domain.decision import Controls
from routing.domain.team_rules import InvalidRule, Kind
from routing.domain.usage import Usage
from routing.models import TeamRule
from routing.services import attempts, decisions, ledger_rows, rendering, response_cache, sessions, snapshot, team_rules
from routing.services.decisions import Plan
from routing.services.rendering import Result
from routing.services.team_rules import RuleNotFound, Wanted
from routing.services.wish import Wish
from tests import factories
from tests.routing.domain.learned import override, policy

pytestmark = pytest.mark.django_db

PROMPT = "Write a Python function that sorts a list"
SIMPLE, MODERATE, COMPLEX = (f"openai/gpt-{tier}" for tier in ("simple", "moderate", "complex"))


@pytest.fixture
def team() -> Team:
    return factories.team("search")


@pytest.fixture(autouse=True)
def catalog() -> None:
    provider = factories.provider("openai")
    for tier, rate in (("simple", "1.00"), ("moderate", "10.00"), ("complex", "100.00")):
        factories.price(factories.language_model(provider, f"gpt-{tier}", tier=tier), rate, rate)
    sessions.reset()


def add(team: Team, kind: Kind, model: str = "", pattern: str = "code", max_tokens: int | None = None) -> TeamRule:
    wanted = Wanted(kind, pattern, model, max_tokens)
    return team_rules.add(wanted, team=team, actor="jo", now=factories.NOON).rule


def plan(team: Team, *, model: str = "auto", prompt: str = PROMPT, **body: Any) -> Plan:
    info = TeamInfo(team.id, team.slug, "", None, None)
    messages = {"messages": [{"role": "user", "content": prompt}], **body}
    return decisions.plan(snapshot.load(), Wish(messages, model, Controls(), info, request_id="r"))


@pytest.mark.parametrize("model", ["auto", "auto:complexity", "auto:hybrid"])
def test_pattern_is_routed_where_the_team_says_however_auto_is_asked_for(team: Team, model: str) -> None:
    rule = add(team, Kind.ROUTE_PATTERN, COMPLEX)
    found = plan(team, model=model)
    assert (found.decision.strategy, found.decision.chosen.model.full_name) == ("rule", COMPLEX)
    assert [each.id for each in found.decision.rules] == [rule.id]
    assert [model.full_name for model in found.chain] == [COMPLEX, MODERATE, SIMPLE]


def test_other_teams_other_patterns_and_named_models_are_left_alone(team: Team) -> None:
    add(team, Kind.ROUTE_PATTERN, COMPLEX)
    add(team, Kind.CAP_MAX_TOKENS, max_tokens=64)
    add(team, Kind.EXCLUDE_MODEL, MODERATE)
    untouched = [plan(factories.team()), plan(team, prompt="What is the capital of Norway?")]
    assert [found.decision.chosen.model.full_name for found in untouched] == [SIMPLE, SIMPLE]
    named = plan(team, model=MODERATE, max_tokens=500)
    assert (named.decision.chosen.model.full_name, named.features.max_output_tokens, named.cap) == (MODERATE, 500, None)


def test_model_left_out_is_neither_chosen_nor_asked_after_a_failure(team: Team) -> None:
    add(team, Kind.EXCLUDE_MODEL, SIMPLE, pattern="")
    found = plan(team)
    assert found.decision.chosen.model.full_name == MODERATE
    assert [model.full_name for model in found.chain] == [MODERATE, COMPLEX]


def test_session_does_not_stay_with_a_model_that_was_left_out(team: Team) -> None:
    learned = policy(override(provider="openai", model="gpt-moderate"))
    sessions.note(team.id, "s", SIMPLE, Usage(100_000, 10, cached_input_tokens=90_000))
    add(team, Kind.EXCLUDE_MODEL, SIMPLE)
    wish = Wish({"messages": [{"role": "user", "content": PROMPT}]}, "auto", Controls(), None, session_id="s")
    info = TeamInfo(team.id, team.slug, "", None, None)
    found = decisions.plan(replace(snapshot.load(), policies={None: learned}), structs.replace(wish, team=info))
    assert SIMPLE not in {candidate.model.full_name for candidate in found.decision.considered}


def test_cap_lowers_what_is_reserved_sent_and_written_down(team: Team) -> None:
    add(team, Kind.CAP_MAX_TOKENS, SIMPLE, max_tokens=64)
    found = plan(team, max_tokens=5_000)
    first = attempts.start("a-1", found.chain[0], found.features, choices=1, started_at="")
    assert (found.cap, first.worst_case.output_tokens) == (64, 64)
    assert found.decision.reasoning.endswith("; a rule of the team caps max_tokens at 64")
    assert ledger_rows.opening_row(_caller(team), found, first)["max_tokens"] == 64
    result = Result("r", found, found.chain[0], 1, None, None, None, 1, 1.0)
    assert rendering.stream_headers(result)["x-optimizer-max-tokens"] == "64"


def test_caller_with_a_smaller_limit_keeps_it(team: Team) -> None:
    add(team, Kind.CAP_MAX_TOKENS, max_tokens=64)
    found = plan(team, max_completion_tokens=32)
    assert (found.cap, found.features.max_output_tokens) == (None, 32)
    first = attempts.start("a-1", found.chain[0], found.features, choices=1, started_at="")
    assert ledger_rows.opening_row(_caller(team), found, first)["max_tokens"] == 32


def test_new_rule_is_in_force_for_prompts_whose_answers_are_kept(team: Team) -> None:
    before = response_cache.decided_by(plan(team).decision)
    rule = add(team, Kind.ROUTE_PATTERN, COMPLEX)
    during = response_cache.decided_by(plan(team).decision)
    team_rules.remove(rule.id, team=team)
    assert before != during
    assert response_cache.decided_by(plan(team).decision) == before


def test_each_change_is_told_to_the_web_processes_and_needs_no_query_afterwards(team: Team) -> None:
    number = config_version.current()
    rule = add(team, Kind.ROUTE_PATTERN, COMPLEX)
    assert config_version.current() == number + 1
    held, info = snapshot.load(), TeamInfo(team.id, team.slug, "", None, None)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        decisions.plan(held, Wish({"messages": [{"role": "user", "content": PROMPT}]}, "auto", Controls(), info))
    assert len(queries) == 0
    team_rules.remove(rule.id, team=team)
    assert config_version.current() == number + 2
    assert snapshot.load().rules == {}


def test_second_rule_on_one_pattern_takes_the_place_of_the_first(team: Team) -> None:
    first = add(team, Kind.ROUTE_PATTERN, COMPLEX)
    placed = team_rules.add(
        Wanted(Kind.ROUTE_PATTERN, "code", MODERATE), team=team, actor="jo", now=factories.NOON, reason="cheaper"
    )
    assert (placed.is_new, placed.before, TeamRule.objects.get()) == (True, first, placed.rule)
    assert plan(team).decision.chosen.model.full_name == MODERATE


def test_rule_that_stands_already_is_left_as_it_is(team: Team) -> None:
    rule = add(team, Kind.CAP_MAX_TOKENS, max_tokens=64)
    placed = team_rules.add(Wanted(Kind.CAP_MAX_TOKENS, "code", "", 64), team=team, actor="al", now=factories.NOON)
    assert (placed.is_new, placed.rule, placed.rule.created_by) == (False, rule, "jo")


def test_last_model_cannot_be_left_out(team: Team) -> None:
    add(team, Kind.EXCLUDE_MODEL, SIMPLE, pattern="")
    add(team, Kind.EXCLUDE_MODEL, MODERATE)
    with pytest.raises(InvalidRule, match="no model would be left for code requests"):
        add(team, Kind.EXCLUDE_MODEL, COMPLEX, pattern="")
    assert add(team, Kind.EXCLUDE_MODEL, COMPLEX, pattern="factual").id


def test_model_that_routing_may_not_choose_makes_no_rule(team: Team) -> None:
    with pytest.raises(InvalidRule, match="no model that routing may choose"):
        add(team, Kind.ROUTE_PATTERN, "gpt-complex")


def test_rule_of_another_team_cannot_be_removed(team: Team) -> None:
    rule = add(team, Kind.ROUTE_PATTERN, COMPLEX)
    with pytest.raises(RuleNotFound):
        team_rules.remove(rule.id, team=factories.team())


def _caller(team: Team) -> ledger_rows.Caller:
    return ledger_rows.Caller("r", "i", team.id, 1, "chat", False, "auto", None, None, None, "f", factories.NOON)
