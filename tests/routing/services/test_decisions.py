from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from msgspec import structs
from pytest_django import Settings

from accounts.selectors import TeamInfo
from routing.domain import prompt_encoder
from routing.domain.decision import Controls, RoutingDecision
from routing.domain.policy import Forecast, RoutingPolicy
from routing.domain.usage import Usage
from routing.services import decisions, embeddings, ledger_rows, sessions, snapshot
from routing.services.decisions import Plan
from routing.services.wish import Wish
from tests import factories
from tests.routing.domain import specs
from tests.routing.domain.learned import KnownForecasts, override, policy
from tests.routing.domain.specs import SYSTEM_DESIGN

pytestmark = pytest.mark.django_db

PROMPT = "Write a Python function that sorts a list"
TEAM = TeamInfo(1, "search", "", None, None)
LEARNED = policy(override(provider="openai", model="gpt-moderate"))
FORECASTS = {"openai/gpt-simple": Forecast(0.9, 0.88), "openai/gpt-complex": Forecast(0.92, 0.9)}


class FailingPredictor(KnownForecasts):
    """A predictor that cannot cope with any prompt."""

    def forecast(self, vector: np.ndarray, **known: Any) -> Any:
        raise ValueError("shapes")


@pytest.fixture(autouse=True)
def catalog() -> Iterator[None]:
    provider = factories.provider("openai")
    for tier, rate in (("simple", "1.00"), ("moderate", "10.00"), ("complex", "100.00")):
        factories.price(factories.language_model(provider, f"gpt-{tier}", tier=tier), rate, rate)
    sessions.reset()
    yield
    sessions.reset()


def plan(
    policy: RoutingPolicy | None = None, *, model: str = "auto", team: TeamInfo | None = TEAM, **changes: Any
) -> Plan:
    policies = {} if policy is None else {policy.team_id: policy}
    wish = Wish(
        body={"messages": [{"role": "user", "content": PROMPT}]},
        requested_model=model,
        controls=Controls(),
        team=team,
        request_id="r",
    )
    return decisions.plan(replace(snapshot.load(), policies=policies), structs.replace(wish, **changes))


def test_auto_is_complexity_before_any_policy() -> None:
    decision = plan().decision
    assert (decision.strategy, decision.chosen.model.name, decision.policy_version) == (
        "complexity",
        "gpt-simple",
        None,
    )


@pytest.mark.parametrize("strategy", ["hybrid", "learning"])
def test_auto_follows_the_active_policy(strategy: str) -> None:
    decision = plan(replace(LEARNED, strategy=strategy)).decision
    assert (decision.strategy, decision.chosen.model.name, decision.policy_version) == (strategy, "gpt-moderate", 7)


def test_auto_of_a_policy_that_says_complexity_is_complexity() -> None:
    decision = plan(replace(LEARNED, strategy="complexity")).decision
    assert (decision.strategy, decision.chosen.model.name, decision.policy_version) == (
        "complexity",
        "gpt-simple",
        None,
    )


def test_strategy_asked_for_wins_over_that_of_the_policy() -> None:
    assert plan(LEARNED, model="auto:complexity").decision.chosen.model.name == "gpt-simple"
    assert plan(LEARNED, model="auto:learning").decision.strategy == "learning"


def test_team_that_learns_alone_does_not_follow_the_shared_policy() -> None:
    alone = replace(TEAM, learns_alone=True)
    assert plan(LEARNED, team=alone).decision.strategy == "complexity"
    assert plan(replace(LEARNED, team_id=1), team=alone).decision.strategy == "hybrid"


def test_predictor_is_asked_and_its_forecasts_are_in_the_ledger() -> None:
    predicting = policy(predictor=KnownForecasts(FORECASTS), quality_floor=0.85)
    decision = plan(predicting, model="auto:learning").decision
    assert (decision.chosen.model.name, decision.confidence) == ("gpt-simple", "high")
    assert _logged(decision) == [
        ("openai/gpt-simple", 0.9, 0.88, True),
        ("openai/gpt-moderate", 0.82, None, None),
        ("openai/gpt-complex", 0.92, 0.9, None),
    ]


def test_candidates_of_complexity_are_logged_without_marks() -> None:
    assert _logged(plan().decision)[0] == ("openai/gpt-simple", 0.7, None, None)


def test_predictor_that_fails_leaves_the_request_to_the_table(caplog: pytest.LogCaptureFixture) -> None:
    failing = replace(LEARNED, version=10**6, predictor=FailingPredictor(FORECASTS))
    assert [plan(failing).decision.chosen.model.name for _ in range(3)] == ["gpt-moderate"] * 3
    errors = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert errors == ["The predictor of policy 1000000 failed on a prompt: ValueError"]


@pytest.mark.parametrize("mean", [float("nan"), 1.2])
def test_forecast_out_of_range_counts_as_none(mean: float) -> None:
    broken = KnownForecasts({**FORECASTS, "openai/gpt-moderate": Forecast(mean, 0.1)})
    decision = plan(replace(LEARNED, version=10**6 + 1, predictor=broken)).decision
    assert (decision.chosen.model.name, decision.chosen.quality_lower) == ("gpt-moderate", None)


def test_minimum_of_the_team_counts_where_the_request_names_none() -> None:
    demanding = replace(TEAM, min_quality=0.9)
    assert plan(team=demanding).decision.chosen.model.name == "gpt-complex"
    assert plan(team=demanding, controls=Controls(min_quality=0.5)).decision.chosen.model.name == "gpt-simple"


def test_draw_belongs_to_the_request_and_the_policy() -> None:
    exploring = replace(LEARNED, exploration_share=0.5, random_share=0.5)
    chosen = {plan(exploring, request_id=str(number)).decision.chosen.model.name for number in range(40)}
    assert chosen == {"gpt-simple", "gpt-moderate", "gpt-complex"}
    again = [plan(exploring, request_id="11").decision for _ in range(2)]
    assert again[0] == again[1]


def test_preview_explores_nothing() -> None:
    view = replace(snapshot.load(), policies={None: replace(LEARNED, exploration_share=0.5, random_share=0.5)})
    messages = [{"role": "user", "content": PROMPT}]
    _, decision = decisions.preview(view, messages=messages, strategy=None, team_id=None, controls=Controls())
    assert (decision.chosen.model.name, decision.greedy_model) == ("gpt-moderate", "openai/gpt-moderate")


PREDICTING = replace(LEARNED, predictor=KnownForecasts(FORECASTS))


@pytest.mark.parametrize(
    ("model", "policy_of", "has_vector"),
    [
        ("auto", None, False),
        ("auto", LEARNED, False),
        ("auto", PREDICTING, True),
        ("auto:complexity", PREDICTING, False),
        ("gpt-simple", PREDICTING, False),
    ],
)
def test_vector_is_computed_only_where_the_policy_decides_by_it(
    model: str, policy_of: RoutingPolicy | None, has_vector: bool
) -> None:
    assert (plan(policy_of, model=model).vector is not None) is has_vector


@pytest.mark.parametrize(
    ("model", "keeps", "is_learned_from"),
    [
        ("auto", True, True),
        ("auto", False, False),
        ("auto:hybrid", True, True),
        ("auto:complexity", True, False),
        ("gpt-simple", True, False),
    ],
)
def test_only_routed_prompts_of_teams_that_allow_it_are_learned_from(
    model: str, keeps: bool, is_learned_from: bool
) -> None:
    assert plan(model=model, team=replace(TEAM, keeps_embeddings=keeps)).is_learned_from is is_learned_from


def test_vector_is_of_the_last_message_with_what_is_known_of_the_conversation() -> None:
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    body = {"messages": [*messages, {"role": "user", "content": PROMPT}]}
    found = plan(PREDICTING, body=body)
    expected = embeddings.encode(PROMPT, turns=2, complexity_score=found.features.complexity_score)
    assert found.vector is not None
    assert found.vector.tolist() == expected.tolist()
    assert len(expected) == prompt_encoder.DIMENSIONS


def test_session_is_remembered_for_policies_and_for_nothing_else() -> None:
    sessions.note(1, "s", "openai/gpt-complex", Usage(input_tokens=100))
    exploring = replace(LEARNED, exploration_share=0.5, random_share=0.5)
    assert plan(exploring, session_id="s").decision.propensity == 1.0
    assert plan(exploring, session_id="other").decision.propensity < 1.0
    assert plan(session_id="s").decision.chosen.model.name == "gpt-simple"


def test_of_many_candidates_the_ledger_keeps_the_cheapest_and_the_chosen_one() -> None:
    options = tuple(
        structs.replace(specs.candidate(specs.model(f"p/{number:02}")), expected_quality=0.5) for number in range(30)
    )
    decision = RoutingDecision("learning", options[29], options, "high", 1.0, "", 7, "p/25")
    names = [entry[0] for entry in _logged(decision)]
    assert names == [*(f"p/{number:02}" for number in range(18)), "p/25", "p/29"]


def _logged(decision: RoutingDecision) -> list[tuple[Any, ...]]:
    return [
        (entry["model"], entry["expected_quality"], entry.get("quality_lower"), entry.get("is_greedy"))
        for entry in ledger_rows.candidates_json(decision)
    ]


def test_upgrades_beyond_the_limit_go_to_the_usual_model_and_say_so(settings: Settings) -> None:
    settings.UPGRADE_LIMIT_AFTER = 1
    held = replace(TEAM, upgrade_limit_percent=0)
    messages = {"messages": [{"role": "user", "content": SYSTEM_DESIGN}]}
    free, found = (plan(team=team, body=messages).decision for team in (replace(TEAM, upgrade_limit_percent=100), held))
    assert (free.strategy, free.chosen.model.name) == ("complexity", "gpt-complex")
    assert (found.strategy, found.chosen.model.name, found.confidence) == ("capped", "gpt-moderate", None)
    assert found.reasoning.startswith(
        "upgrades are capped at 0 % of the team's requests: openai/gpt-moderate instead of openai/gpt-complex; "
    )
    assert plan(team=held, body=messages, model="gpt-complex").decision.strategy == "named"
