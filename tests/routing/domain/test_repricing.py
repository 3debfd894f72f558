"""Logged candidates, priced again with answers of other lengths."""

from decimal import Decimal

import pytest

from routing.domain import policy as policy_domain
from routing.domain import repricing
from routing.domain.catalog import Candidate
from routing.domain.output_lengths import Lengths, OutputLengths
from routing.domain.policy import InvalidPolicy, RoutingPolicy
from routing.domain.prompt import PromptFeatures
from tests.routing.domain import specs

RATES = {"openai/brief": Decimal(2), "openai/long": Decimal(1)}
LENGTHS = OutputLengths(Lengths(300, {"openai/brief": 200, "openai/long": 2_300}))


def policy(lengths: OutputLengths | None) -> RoutingPolicy:
    document = policy_domain.document(output_lengths=lengths)
    return policy_domain.parse(document, version=2, team_id=None, predictor=None)


def features(limit: int | None) -> PromptFeatures:
    return PromptFeatures("code", 0.2, "simple", 100, limit, None, False, False, False)


def candidates() -> list[Candidate]:
    return [
        Candidate(specs.model("openai/long"), Decimal("0.0003")),
        Candidate(specs.model("openai/brief"), Decimal("0.0006")),
    ]


def again(lengths: OutputLengths | None, *, limit: int | None = None, logged: int | None = None) -> dict[str, str]:
    found = repricing.repriced(
        candidates(),
        logged_tokens={"openai/brief": logged, "openai/long": logged},
        features=features(limit),
        policy=policy(lengths),
        rates=RATES,
    )
    return {one.model.full_name: f"{one.expected_cost_usd:f}" for one in found}


def test_the_tokens_between_two_lengths_are_added_at_the_output_rate() -> None:
    # 2,000 tokens more at 1 dollar a million; 100 fewer at 2 dollars. The brief model is now the cheaper one.
    assert again(LENGTHS) == {"openai/brief": "0.0004", "openai/long": "0.0023"}
    assert list(again(LENGTHS)) == ["openai/brief", "openai/long"]


def test_the_same_lengths_leave_the_costs_as_they_were() -> None:
    same = {"openai/long": "0.0003", "openai/brief": "0.0006"}
    assert again(None) == same
    assert again(OutputLengths(Lengths(300))) == same
    assert again(OutputLengths(Lengths(900)), logged=900) == same


def test_a_request_that_was_limited_stays_limited() -> None:
    # Both were priced with 100 tokens, and would be again.
    assert again(LENGTHS, limit=100) == {"openai/long": "0.0003", "openai/brief": "0.0006"}
    # A rule of the team set this limit after the candidates had been priced with 300 tokens.
    assert again(LENGTHS, limit=100, logged=300)["openai/long"] == "0.0023"


def test_a_policy_without_lengths_expects_the_typical_answer_again() -> None:
    # Logged with 1,300 tokens: 1,000 fewer of them, and no cost is less than nothing.
    assert again(None, logged=1_300) == {"openai/long": "0", "openai/brief": "0"}


def test_documents_without_lengths_are_as_they_were() -> None:
    assert "output_lengths" not in policy_domain.document()
    assert policy(LENGTHS).output_lengths == LENGTHS
    assert policy_domain.document_of(policy(LENGTHS)) == policy_domain.document(output_lengths=LENGTHS)


@pytest.mark.parametrize(
    ("lengths", "told"),
    [
        (None, "output_lengths must be an object."),
        ({"overall": {"typical": 1, "models": {}}}, "output_lengths must have the keys overall, patterns, tasks"),
        (
            {"overall": {"typical": True, "models": {}}, "patterns": {}, "tasks": {}},
            "output_lengths.overall.typical is True; it must be a whole number from 1 to 32,768.",
        ),
        (
            {"overall": {"typical": 1, "models": {"a/b": 0}}, "patterns": {}, "tasks": {}},
            "output_lengths.overall.models.a/b is 0;",
        ),
        (
            {
                "overall": {"typical": 1, "models": {}},
                "patterns": {"code": {"typical": 2.5, "models": {}}},
                "tasks": {},
            },
            "output_lengths.patterns.code.typical is 2.5;",
        ),
    ],
)
def test_lengths_that_are_none_make_a_policy_invalid(lengths: object, told: str) -> None:
    document = {**policy_domain.document(), "output_lengths": lengths}
    with pytest.raises(InvalidPolicy) as refused:
        policy_domain.parse(document, version=2, team_id=None, predictor=None)
    assert told in str(refused.value)
