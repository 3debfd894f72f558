"""Lengths of answers from the ledger to the decision: what a model costs by the answer counts, not by the token."""

import json
from datetime import timedelta
from typing import Any

import pytest

from accounts.models import Team
from accounts.selectors import TeamInfo
from learning.domain.length_means import LengthSum
from learning.selectors import answer_lengths
from learning.selectors.evidence import ModelChange
from learning.services import outcome_import, promotion, table_files, training
from routing.domain.decision import Controls
from routing.models import LedgerEntry, PolicyVersion
from routing.services import decisions, explanations, ledger_rows, snapshot
from routing.services.decisions import Plan
from routing.services.wish import Wish
from tests import factories
from tests.learning import rated_models

pytestmark = pytest.mark.django_db

NOW = rated_models.NOW
TERSE, VERBOSE = "openai/terse", "openai/verbose"
PROMPT = "Write a friendly note that thanks Kim for the lovely pears."


def catalog() -> None:
    """Offer two models of one tier; the verbose one takes half as much for a token."""
    provider = factories.provider("openai")
    factories.price(factories.language_model(provider, "terse"), "1.00", "4.00")
    factories.price(factories.language_model(provider, "verbose"), "0.50", "2.00")


def answers(team: Team, count: int, **fields: Any) -> None:
    """Let as many requests be answered with 200 tokens by openai/gpt-small."""
    LedgerEntry.objects.bulk_create(factories.unsaved_ledger_entry(team, **fields) for _ in range(count))


def outcomes() -> bytes:
    """Two hundred tokens from the one, two thousand from the other, and all of them good."""
    return "\n".join(
        json.dumps(
            {"prompt": f"{PROMPT} {number}", "model": model, "quality": 1.0, "cost": "", "output_tokens": tokens}
        )
        for number in range(25)
        for model, tokens in ((TERSE, 200), (VERBOSE, 2_000))
    ).encode()


def read(team: Team | None = None, **values: Any) -> list[LengthSum]:
    since = NOW - timedelta(days=30)
    return list(answer_lengths.answer_lengths(team=team, since=since, until=NOW, **values))


def planned(**body: Any) -> Plan:
    wish = Wish(
        body={"messages": [{"role": "user", "content": PROMPT}], **body},
        requested_model="auto",
        controls=Controls(),
        team=TeamInfo(1, "search", "", None, None),
    )
    return decisions.plan(snapshot.load(), wish)


def test_answers_are_added_up_by_model_and_kind() -> None:
    team = factories.team()
    answers(team, 3, task="mail")
    answers(team, 2, finish_reason="length", output_tokens=50, task="mail")
    answers(team, 1, pattern="code", served_model="gpt-large", finish_reason=None, output_tokens=90_000)

    assert read() == [
        LengthSum("openai/gpt-large", "code", None, ended=1, tokens=32_768),
        # Three whole ones of 200, and two of 50 that were cut.
        LengthSum("openai/gpt-small", "general", "mail", ended=3, tokens=700),
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {"state": LedgerEntry.State.FAILED},
        {"state": LedgerEntry.State.PARTIAL},
        {"is_cache_hit": True},
        {"is_estimated": True},
        {"client_disconnected": True},
        {"attempt_count": 2},
        {"experiment_id": 7},
        {"output_tokens": 0},
        {"output_tokens": None},
        {"created_at": NOW},
        {"created_at": NOW - timedelta(days=31)},
    ],
)
def test_only_whole_answers_of_the_window_count(fields: dict[str, Any]) -> None:
    answers(factories.team(), 1, **fields)
    assert read() == []


def test_teams_that_learn_alone_and_former_versions_weigh_nothing_for_others() -> None:
    alone, shared = factories.team(learns_alone=True), factories.team()
    answers(alone, 2)
    answers(shared, 3)
    change = ModelChange("openai", "gpt-small", version_since=NOW)

    assert [one.ended for one in read()] == [3]
    assert [one.ended for one in read(alone)] == [2]
    assert read(changes=[change]) == []


def test_a_verbose_model_that_is_cheaper_by_the_token_is_passed_over_once_that_is_learned() -> None:
    catalog()
    assert planned().decision.chosen.model.full_name == VERBOSE

    source = table_files.from_bytes(outcomes(), "outcomes.jsonl")
    outcome_import.import_outcomes(source, name="notes", team=None, actor="ada", now=NOW)
    found = training.train(team=None, actor="ada", now=NOW).candidate
    assert found is not None
    promotion.promote_by_hand(version=found.version, team=None, actor="ada", reason="warm start", now=NOW)

    after = planned()
    terse, verbose = after.decision.considered
    assert after.decision.chosen.model.full_name == TERSE
    # All: (25 * 2,200 + 5 * 300) / 55 = 1,027. The models: (25 * 200 + 5 * 1,027) / 30 = 338, and 1,838.
    assert (terse.expected_output_tokens, verbose.expected_output_tokens) == (338, 1_838)
    # What the ledger keeps of a candidate tells the length that its cost is the price of.
    [kept, _] = ledger_rows.candidates_json(after.decision)
    assert (kept["model"], kept["expected_output_tokens"]) == (TERSE, 338)
    # A caller's own limit bounds it, and then the price of a token decides.
    limited = planned(max_tokens=50).decision
    assert (limited.chosen.model.full_name, limited.chosen.expected_output_tokens) == (VERBOSE, 50)
    is_told_what_the_policy_would_have_done(found)


def is_told_what_the_policy_would_have_done(policy: PolicyVersion) -> None:
    """The request was decided before there was a policy, with 300 tokens from each model."""
    candidates = [
        {"model": VERBOSE, "tier": "simple", "expected_cost_usd": "0.000607", "expected_quality": 0.7},
        {"model": TERSE, "tier": "simple", "expected_cost_usd": "0.001214", "expected_quality": 0.7},
    ]
    row = factories.ledger_entry(factories.team(), candidates=candidates, served_model="verbose")
    found = explanations.explain(row, policy_version=policy.version).alternative
    assert found is not None
    assert found.decision is not None
    assert found.decision.chosen.model.full_name == TERSE
    # 38 tokens more than 300, at 4 dollars a million.
    assert f"{found.decision.chosen.expected_cost_usd:f}" == "0.001366"
    assert any("another length" in told for told in found.approximations)


def test_retraining_the_table_renews_the_lengths_with_it() -> None:
    team = factories.team()
    rated_models.catalog()
    answers(team, 100, pattern="code", output_tokens=1_000)
    assert rated_models.retrain().policy_version is None

    rated_models.rate(team, 10)
    version = rated_models.retrain().policy_version
    assert version is not None
    lengths = PolicyVersion.objects.get(version=version).document["output_lengths"]
    # (100 * 1,000 + 5 * 967) / 105, where 967 = (100 * 1,000 + 5 * 300) / 105.
    assert lengths["overall"] == {"typical": 967, "models": {"openai/gpt-small": 998}}
