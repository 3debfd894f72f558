from dataclasses import dataclass

import pytest

from accounts.domain.features import LEARNING, UNKNOWN, Feature, FeatureDisabled, Gates, Rollout

ROUTING, CACHE = Feature.LEARNED_ROUTING, Feature.RESPONSE_CACHE


@dataclass(frozen=True)
class Team:
    id: int
    slug: str


# Their places are 0.945 and 0.640: the first 48 bits of SHA-256("rollout:<slug>").
SEARCH, BILLING = Team(1, "search"), Team(2, "billing")


def test_contract_names_the_features() -> None:
    assert {feature.value for feature in Feature} == {
        "insights",
        "ranking",
        "learning_paths",
        "trends",
        "roi",
        "cost_review",
        "confidence_tuning",
        "pattern_learning",
        "learned_routing",
        "auto_retrain",
        "response_cache",
        "experiments",
    }


def test_every_feature_is_on_where_nobody_has_set_anything() -> None:
    assert all(Gates().is_enabled(feature, SEARCH) for feature in Feature)


def test_nothing_is_on_where_no_store_has_answered_yet() -> None:
    assert not any(UNKNOWN.is_enabled(feature, team) for feature in Feature for team in (None, SEARCH))
    assert UNKNOWN.source(ROUTING) == "unknown"


def test_what_is_off_for_everybody_is_off_for_a_team_that_has_switched_it_on() -> None:
    gates = Gates(off=frozenset({ROUTING}), teams={1: {ROUTING: True}})

    assert not gates.is_enabled(ROUTING, SEARCH)
    assert gates.is_enabled(CACHE, SEARCH)
    assert gates.source(ROUTING) == "staff"


def test_environment_wins_over_what_staff_have_set() -> None:
    gates = Gates(forced_off=LEARNING, teams={1: {ROUTING: True}})

    assert [feature for feature in Feature if gates.is_enabled(feature, SEARCH)] == [CACHE]
    assert gates.source(ROUTING) == "environment"


def test_feature_is_off_for_one_team_alone() -> None:
    gates = Gates(teams={1: {CACHE: False}})

    assert [gates.is_enabled(CACHE, team) for team in (None, SEARCH, BILLING)] == [True, False, True]


def test_rollout_reaches_the_teams_below_its_bound_and_those_that_were_switched_on() -> None:
    rollout = Rollout(frozenset({ROUTING}), 0.8, phase=1)
    gates, with_pilot = Gates(rollout=rollout), Gates(teams={1: {ROUTING: True}}, rollout=rollout)

    assert [gates.is_enabled(ROUTING, team) for team in (None, BILLING, SEARCH)] == [True, True, False]
    assert with_pilot.is_enabled(ROUTING, SEARCH)
    assert gates.is_enabled(CACHE, SEARCH)
    assert (gates.source(ROUTING), gates.source(CACHE)) == ("rollout", "default")


def test_refusal_names_the_feature_and_the_cure() -> None:
    with pytest.raises(FeatureDisabled, match=r"Feature disabled: roi\. .* optimizer features enable roi"):
        Gates(off=frozenset({Feature.ROI})).require(Feature.ROI)
