import pytest
from msgspec import structs

from routing.domain import strategies, team_rules
from routing.domain.catalog import Candidate
from routing.domain.decision import Controls, RoutingDecision
from routing.domain.situation import Situation
from routing.domain.team_rules import InvalidRule, Kind, PatternRules, Rule
from tests.routing.domain.specs import features, model

CHEAP, DEAR = Candidate(model("a/cheap"), None, 0.7), Candidate(model("b/dear", tier="complex"), None, 0.9)
CODE = features(pattern="code")


def rules_of(*rules: Rule) -> PatternRules:
    return team_rules.by_pattern(rules)["code"]


def decide(*rules: Rule, min_quality: float | None = None, may_route: bool = True) -> RoutingDecision:
    situation = Situation(CODE, [CHEAP, DEAR], Controls(min_quality=min_quality), team_min_quality=0.8)
    return team_rules.decide(rules_of(*rules), situation, strategies.get("complexity"), may_route=may_route)


def route(name: str) -> Rule:
    return Rule(1, Kind.ROUTE_PATTERN, "code", name)


def cap(tokens: int, pattern: str = "", name: str = "", number: int = 1) -> Rule:
    return Rule(number, Kind.CAP_MAX_TOKENS, pattern, name, tokens)


def test_pattern_goes_where_the_team_sends_it_even_below_the_teams_own_minimum() -> None:
    decision = decide(route("a/cheap"))
    assert (decision.strategy, decision.chosen, decision.confidence, decision.propensity) == ("rule", CHEAP, None, 1.0)
    assert decision.considered == (CHEAP, DEAR)
    assert decision.reasoning == "a rule of the team sends code prompts to a/cheap"


@pytest.mark.parametrize(("min_quality", "strategy"), [(0.7, "rule"), (0.71, "complexity")])
def test_rule_makes_way_for_the_quality_that_a_request_asks_for(min_quality: float, strategy: str) -> None:
    assert decide(route("a/cheap"), min_quality=min_quality).strategy == strategy


def test_rule_whose_model_cannot_serve_leaves_the_choice_to_the_strategy_and_says_so() -> None:
    decision = decide(route("c/away"))
    assert (decision.strategy, decision.chosen) == ("complexity", DEAR)
    assert decision.reasoning.startswith("a rule of the team names c/away, which cannot serve this request; ")


def test_experiment_decides_for_itself() -> None:
    assert decide(route("a/cheap"), may_route=False).strategy == "complexity"


def test_rules_that_concern_the_pattern_are_told_and_no_others() -> None:
    mine, everywhere, other = route("a/cheap"), cap(9, number=2), cap(9, "factual", number=3)
    found = team_rules.by_pattern([other, everywhere, mine])
    assert found["code"].rules == (mine, everywhere)
    assert found["factual"].rules == (everywhere, other)
    assert found["creative"].rules == (everywhere,)
    assert decide(mine, everywhere).rules == (mine, everywhere)


def test_pattern_without_a_rule_has_no_entry() -> None:
    assert list(team_rules.by_pattern([route("a/cheap")])) == ["code"]


def test_smallest_cap_of_the_model_and_of_all_models_counts() -> None:
    found = rules_of(cap(500), cap(300, "code", number=2), cap(100, "code", "b/dear", 3))
    assert (found.cap_for(CHEAP.model), found.cap_for(DEAR.model)) == (300, 100)
    assert rules_of(route("a/cheap")).cap_for(CHEAP.model) is None


@pytest.mark.parametrize(("asked", "limit"), [(None, 64), (65, 64), (64, None), (1, None)])
def test_cap_lowers_what_is_asked_for_and_never_raises_it(asked: int | None, limit: int | None) -> None:
    found = team_rules.limited(structs.replace(CODE, max_output_tokens=asked), 64)
    assert (found and found.max_output_tokens) == limit


def test_request_without_a_cap_stays_as_it_is() -> None:
    assert team_rules.limited(CODE, None) is None


@pytest.mark.parametrize(
    ("body", "limited"),
    [
        ({}, {"max_tokens": 64}),
        ({"max_tokens": 900}, {"max_tokens": 64}),
        ({"max_completion_tokens": 900}, {"max_completion_tokens": 64}),
        ({"max_completion_tokens": None, "max_tokens": 900}, {"max_completion_tokens": None, "max_tokens": 64}),
        ({"max_completion_tokens": 900, "max_tokens": 800}, {"max_completion_tokens": 64, "max_tokens": 64}),
        ({"max_completion_tokens": 900, "max_tokens": 32}, {"max_completion_tokens": 64, "max_tokens": 32}),
    ],
)
def test_body_asks_for_the_cap_by_the_callers_own_name(
    body: dict[str, int | None], limited: dict[str, int | None]
) -> None:
    assert team_rules.limited_body({**body, "n": 2}, 64) == {**limited, "n": 2}


@pytest.mark.parametrize(
    ("kind", "pattern", "name", "tokens", "says"),
    [
        (Kind.ROUTE_PATTERN, "poetry", "a/cheap", None, "There is no pattern 'poetry'"),
        (Kind.ROUTE_PATTERN, "", "a/cheap", None, "Name the pattern"),
        (Kind.ROUTE_PATTERN, "code", "", None, "Name the pattern"),
        (Kind.EXCLUDE_MODEL, "code", "", None, "Name the model"),
        (Kind.EXCLUDE_MODEL, "code", "a/cheap", 64, "with a cap, and only there"),
        (Kind.CAP_MAX_TOKENS, "code", "", None, "with a cap, and only there"),
        (Kind.CAP_MAX_TOKENS, "code", "", 0, "at least 1 token"),
    ],
)
def test_what_makes_no_rule_is_refused_with_what_is_missing(
    kind: Kind, pattern: str, name: str, tokens: int | None, says: str
) -> None:
    with pytest.raises(InvalidRule, match=says):
        team_rules.check(kind, pattern, name, tokens)
