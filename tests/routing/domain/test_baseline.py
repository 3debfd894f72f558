from dataclasses import replace
from typing import Any

import pytest

from routing.domain.baseline import baseline_model
from routing.domain.catalog import ModelSpec
from tests.routing.domain.specs import features, model, price

DEAR = price("10", "20")
SIMPLE, MODERATE, MODERATE_DEAR = model("a/simple", "simple"), model("a/moderate"), model("b/moderate", price=DEAR)
COMPLEX, COMPLEX_DEAR = model("a/complex", "complex"), model("b/complex", "complex", price=DEAR)
EMBEDDED = model("embedded/demo", "complex", price=DEAR, is_embedded=True)
SIMULATED = model("simulated/demo", "complex", price=price("99", "99"), is_simulated=True)


def default(*models: ModelSpec, **wanted: bool) -> ModelSpec | None:
    return baseline_model(models, named=None, team_choice=None, features=features(**wanted))


def test_model_named_in_the_request_goes_before_the_teams_choice() -> None:
    assert baseline_model([COMPLEX], named=SIMPLE, team_choice=MODERATE, features=features()) == SIMPLE


def test_teams_choice_goes_before_the_default() -> None:
    assert baseline_model([COMPLEX], named=None, team_choice=MODERATE, features=features()) == MODERATE


@pytest.mark.parametrize(
    ("models", "expected"),
    [
        ([SIMPLE, MODERATE_DEAR, COMPLEX, COMPLEX_DEAR], COMPLEX_DEAR),
        ([SIMPLE, MODERATE_DEAR, COMPLEX], COMPLEX),
        ([SIMPLE, MODERATE, MODERATE_DEAR], MODERATE_DEAR),
        ([SIMPLE], SIMPLE),
        ([], None),
    ],
)
def test_default_is_the_dearest_model_of_the_top_tier_that_has_any(
    models: list[ModelSpec], expected: ModelSpec | None
) -> None:
    assert default(*models) == expected


def test_model_that_could_not_have_served_the_request_is_passed_over() -> None:
    blind = model("c/blind", "complex", price=DEAR, supports_images=False)
    assert default(blind, COMPLEX, needs_images=True) == COMPLEX
    assert default(blind, COMPLEX) == blind


@pytest.mark.parametrize("lacking", [{"price": None}, {"is_routable": False}, {"tier": None}])
def test_model_closed_to_routing_is_passed_over(lacking: dict[str, Any]) -> None:
    closed = replace(model("c/closed", "complex", price=DEAR), **lacking)
    assert default(closed, COMPLEX) == COMPLEX


def test_stand_ins_are_the_baseline_only_among_themselves() -> None:
    assert default(EMBEDDED, SIMULATED, SIMPLE) == SIMPLE
    assert default(EMBEDDED, SIMULATED) == SIMULATED
