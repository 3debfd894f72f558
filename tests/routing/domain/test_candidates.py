from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from routing.domain.candidates import candidates
from routing.domain.catalog import ModelSpec
from routing.domain.decision import Controls, NoEligibleModel
from tests.routing.domain.specs import features, model, price


def always(spec: ModelSpec) -> bool:
    return True


def _set(flag: str) -> dict[str, Any]:
    return {flag: True}


def names(*models: ModelSpec, controls: Controls | None = None, **wanted: Any) -> list[str]:
    found = candidates(models, features(**wanted), controls or Controls(), is_available=always)
    return [candidate.model.full_name for candidate in found]


def test_candidates_come_cheapest_first_then_by_name() -> None:
    dear = model("a/dear", price=price("5", "5"))
    assert names(dear, model("c/plain"), model("b/plain")) == ["b/plain", "c/plain", "a/dear"]


def test_candidate_carries_its_expected_cost_and_the_quality_of_its_tier() -> None:
    (found,) = candidates([model(tier="complex")], features(), Controls(), is_available=always)
    assert found.expected_cost_usd == Decimal("0.0016")
    assert found.expected_quality == 0.92


@pytest.mark.parametrize(
    ("lacking", "wanted"),
    [
        ({"supports_tools": False}, {"needs_tools": True}),
        ({"supports_images": False}, {"needs_images": True}),
        ({"supports_json": False}, {"needs_json": True}),
        ({"is_routable": False}, {}),
        ({"tier": None}, {}),
        ({"price": None}, {}),
        # 1,000 tokens of input and 300 of a typical answer.
        ({"context_tokens": 1_299}, {}),
        # 1,000 tokens of input and the 500 asked for.
        ({"context_tokens": 1_499}, {"max_output_tokens": 500}),
    ],
)
def test_model_that_cannot_serve_the_request_is_no_candidate(lacking: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert names(model("a/lacking", **lacking), model("b/able"), **wanted) == ["b/able"]


@pytest.mark.parametrize(
    ("fitting", "wanted"),
    [
        ({"supports_tools": False, "supports_images": False, "supports_json": False}, {}),
        ({"context_tokens": 1_300}, {}),
        ({"context_tokens": 1_500}, {"max_output_tokens": 500}),
        ({"context_tokens": None}, {"max_output_tokens": 1_000_000}),
        # It can write no more than 400 tokens, whatever is asked for.
        ({"context_tokens": 1_400, "max_output_tokens": 400}, {"max_output_tokens": 5_000}),
    ],
)
def test_model_that_just_fits_is_a_candidate(fitting: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert names(model("a/fitting", **fitting), **wanted) == ["a/fitting"]


def test_model_at_the_cost_limit_is_a_candidate_and_one_above_it_is_not() -> None:
    limit = Controls(max_cost_usd=Decimal("0.0016"))
    dearer = model("a/dearer", price=price("1.000001", "2"))
    assert names(dearer, model("b/at-limit"), controls=limit) == ["b/at-limit"]


def test_unavailable_model_is_no_candidate() -> None:
    down, up = model("a/down"), model("b/up")
    found = candidates([down, up], features(), Controls(), is_available=lambda spec: spec is up)
    assert [candidate.model for candidate in found] == [up]


@pytest.mark.parametrize("flag", ["is_simulated", "is_embedded"])
def test_stand_in_serves_only_while_no_real_model_is_open(flag: str) -> None:
    stand_in = replace(model("embedded/demo", price=price("0", "0")), **_set(flag))
    assert names(stand_in) == ["embedded/demo"]
    assert names(stand_in, model("a/real")) == ["a/real"]
    assert names(stand_in, model("a/unpriced", price=None)) == ["embedded/demo"]


def test_stand_in_does_not_answer_what_the_real_models_are_too_expensive_for() -> None:
    stand_in = model("embedded/demo", price=price("0", "0"), is_embedded=True)
    with pytest.raises(NoEligibleModel):
        names(stand_in, model("a/real"), controls=Controls(max_cost_usd=Decimal("0.000001")))


def test_error_counts_what_stood_in_the_way() -> None:
    toolless = [model(f"a/toolless-{number}", supports_tools=False) for number in range(3)]
    dear = [model(f"a/dear-{number}") for number in range(9)]
    with pytest.raises(NoEligibleModel) as refusal:
        names(*toolless, *dear, controls=Controls(max_cost_usd=Decimal("0.001")), needs_tools=True)
    assert str(refusal.value) == (
        "12 models: 9 too expensive for max cost 0.001 USD, 3 without tools. "
        "Ask for less, or open a model that fits to routing."
    )


def test_error_for_an_empty_catalog_says_how_to_fill_it() -> None:
    with pytest.raises(NoEligibleModel, match=r"^0 models: the catalog is empty"):
        names()
