"""Each invariant finds what violates it, and nothing where all is well."""

from dataclasses import replace
from typing import Any

import pytest

from faults import invariants
from faults.ratings import Rated
from faults.stack import PROVIDER_KEY_CANARY
from faults.watch import Holding, Probe
from tests.faults.made_up import (
    BROKEN,
    COST,
    RATED,
    REFUSAL,
    RESERVED,
    WHOLE,
    attempt,
    evidence,
    exchange,
    row,
    stored,
)

GOOD = evidence()
ONE, TWO, THREE = GOOD.rows
ORDINARY = [{"team_id": 1, "spent_nano_usd": COST + RESERVED, "reserved_nano_usd": 0}]


def found(**fields: Any) -> list[str]:
    """Return what is wrong with evidence that has these fields."""
    return invariants.check(evidence(**fields))


def test_nothing_is_wrong_where_all_is_well() -> None:
    assert found() == []


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"exchanges": (*GOOD.exchanges, exchange("lost"))}, "I1: 1 x exchange is not in the ledger: lost-1"),
        ({"exchanges": GOOD.exchanges[1:]}, "I1: 1 x attempt that succeeded never reached the provider: r1-1"),
        ({"rows": ({**ONE, "state": "orphaned"}, TWO, THREE)}, "I1: 1 x complete answer without its"),
        ({"rows": ({**ONE, "state": "pending"}, TWO, THREE)}, "I1: 1 x row is still pending: r1"),
        ({"rows": ({**ONE, "attempts": ONE["attempts"] * 2}, TWO, THREE)}, "I1: 1 x attempt is in the ledger more"),
    ],
)
def test_request_that_the_ledger_has_not_or_twice_or_open_is_found(fields: dict[str, Any], told: str) -> None:
    assert any(problem.startswith(told) for problem in found(**fields))


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (attempt("r1", cost_nano_usd=COST + 1), "47001 where the provider's count makes 47000"),
        (attempt("r1", "partial", cost_nano_usd=COST, is_estimated=True), "47000 is not its reservation"),
        (attempt("r1", "failed", cost_nano_usd=COST), "it was billed, is no success, and is not estimated"),
        (attempt("r1", "pending"), "it is still pending"),
    ],
)
def test_attempt_that_is_priced_wrongly_is_found(made: dict[str, Any], told: str) -> None:
    problems = found(rows=(row("r1", made), TWO, THREE))

    assert any(problem.startswith("I2: 1 x attempt is priced wrongly") and told in problem for problem in problems)


def test_cost_of_what_the_provider_never_saw_or_does_not_bill_is_found() -> None:
    unbilled = found(
        exchanges=(GOOD.exchanges[0], replace(GOOD.exchanges[1]), GOOD.exchanges[2]),
        rows=(ONE, {**TWO, "attempts": [attempt("r2", "failed", cost_nano_usd=5)], "cost_nano_usd": 5}, THREE),
    )
    unsent = found(exchanges=GOOD.exchanges[1:])

    assert any("5 for what the provider does not bill" in problem for problem in unbilled)
    assert any("47000 for what was never sent" in problem for problem in unsent)


def test_absurd_count_that_is_not_flagged_is_found() -> None:
    exchanges = (exchange("r1", usage="garbage"), *GOOD.exchanges[1:])

    unflagged = found(exchanges=exchanges)
    flagged = found(exchanges=exchanges, rows=({**ONE, "flags": ["usage_clamped"]}, TWO, THREE))

    assert any("its count cannot be, and is not flagged" in problem for problem in unflagged)
    assert flagged == []


def test_row_that_does_not_cost_what_its_attempts_do_is_found() -> None:
    assert "I2: 1 x row does not cost what its attempts do: r1" in found(rows=({**ONE, "cost_nano_usd": 1}, TWO, THREE))


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"budgets": ((1, 1_000_001, 1_000_000),)}, "I3: 1 x sample of a budget is over its limit"),
        ({"periods": [ORDINARY[0] | {"reserved_nano_usd": 5}]}, "I3: 5 nano-dollars of team 1 are still reserved"),
        ({"periods": [ORDINARY[0] | {"spent_nano_usd": 5}]}, "I3: the budget of team 1 has spent 5 nano-dollars"),
    ],
)
def test_budget_that_is_passed_held_or_wrong_is_found(fields: dict[str, Any], told: str) -> None:
    assert any(problem.startswith(told) for problem in found(**fields))


def test_key_that_was_answered_in_two_ways_or_run_twice_is_found() -> None:
    first = replace(WHOLE, idempotency_key="k")
    two_ways = found(seen=(first, replace(first, body=b'{"choices": [1]}'), REFUSAL, BROKEN))
    twice = found(rows=(ONE, TWO, {**THREE, "prompt_fingerprint": ONE["prompt_fingerprint"]}))

    assert "I4: 1 x key was answered in two ways: k" in two_ways
    assert "I4: 1 x prompt was sent to the provider for more than one request: r1 and r3" in twice


def test_rating_whose_commit_was_in_doubt_may_be_stored_but_not_twice() -> None:
    rated = replace(WHOLE, ratings=(replace(RATED, status=503, answer={}),))

    once = found(seen=(rated, REFUSAL, BROKEN), stored=(stored(),), counted=frozenset({7}))
    twice = found(seen=(rated, REFUSAL, BROKEN), stored=(stored(), stored(id=8)), counted=frozenset({8}))

    assert once == []
    assert [problem.startswith("I5: 1 x rating is stored twice") for problem in twice] == [True]


@pytest.mark.parametrize(
    ("ratings", "fields", "told"),
    [
        ((RATED,), {"stored": (), "counted": frozenset()}, "I5: 1 x rating is not stored: key"),
        ((RATED,), {"stored": (stored(), stored(id=8)), "counted": frozenset({8})}, "I5: 1 x rating is stored twice"),
        ((replace(RATED, status=422),), {}, "I5: 1 x rating was refused and is stored: key (422)"),
        ((RATED,), {"stored": (stored(asked_by=2),)}, "I5: 1 ratings are linked to another team's request: [7]"),
        ((RATED,), {"counted": frozenset()}, "I5: learned from: 0 ratings too many, 1 too few"),
        (
            (RATED, replace(RATED, key="later")),
            {"stored": (stored(), stored(id=8, session_id="later")), "counted": frozenset({7, 8})},
            "I5: learned from: 1 ratings too many, 0 too few",
        ),
        ((replace(RATED, seconds=29.5),), {}, "I9: 1 x request was not answered in time: a rating after 30 s"),
        ((replace(RATED, status=500),), {"stored": (), "counted": frozenset()}, "I12: 1 x rating was answered 500: r1"),
    ],
)
def test_rating_that_is_lost_or_doubled_or_counts_where_it_must_not_is_found(
    ratings: tuple[Rated, ...], fields: dict[str, Any], told: str
) -> None:
    rated = replace(WHOLE, ratings=ratings)
    kept: dict[str, Any] = {"stored": (stored(),), "counted": frozenset({7}), **fields}

    problems = found(seen=(rated, REFUSAL, BROKEN), **kept)

    assert [problem.startswith(told) for problem in problems] == [True]


def test_rating_whose_fate_the_client_does_not_know_may_be_stored_or_not() -> None:
    unknown = replace(WHOLE, ratings=(replace(RATED, status=None),))

    assert found(seen=(unknown, REFUSAL, BROKEN), stored=(stored(),), counted=frozenset({7})) == []
    assert found(seen=(unknown, REFUSAL, BROKEN)) == []


def test_policy_that_changed_under_load_is_found() -> None:
    assert found(policies_changed=1) == ["I6: 1 policies were activated"]


def test_answer_that_names_another_team_s_canary_is_found() -> None:
    crossed = replace(WHOLE, body=b'{"choices": ["canary-of-blue"]}')

    assert found(seen=(crossed, REFUSAL, BROKEN)) == ["I7: 1 x answer to another team names canary-of-blue: r1"]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"logs": f"calling with {PROVIDER_KEY_CANARY}-3"}, "I8: a provider's key is in a log"),
        ({"dump": "VALUES ('ao-secret-of-red')"}, "I8: the API key of red is in the database"),
        ({"dump": "VALUES ('Say something about canary-of-blue')"}, "I8: a prompt of blue is in the database"),
        (
            {"seen": (replace(WHOLE, headers={**WHOLE.headers, "x-debug": "ao-secret-of-blue"}), REFUSAL, BROKEN)},
            "I8: 1 x answer shows the API key of blue: r1",
        ),
    ],
)
def test_secret_that_is_where_it_must_not_be_is_found(fields: dict[str, Any], told: str) -> None:
    assert found(**fields) == [told]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"seen": (replace(WHOLE, seconds=29.5), REFUSAL, BROKEN)}, "I9: 1 x request was not answered in time: ok"),
        ({"probes": (Probe(12.0, 8001, "/health/live", 0),)}, "I9: 1 x replica did not say it lives: 0 on 8001"),
        ({"probes": (Probe(21.5, 8001, "/health/ready", 503),)}, "I9: 1 x replica was not ready again in time: 503"),
    ],
)
def test_request_or_replica_that_hangs_is_found(fields: dict[str, Any], told: str) -> None:
    assert [problem.startswith(told) for problem in found(**fields)] == [True]


def test_replica_that_was_killed_on_purpose_need_not_live() -> None:
    assert found(probes=(Probe(12.0, 8001, "/health/live", 0),), killed=frozenset({8001})) == []


@pytest.mark.parametrize("after", [Holding(65, 12, 150.0), Holding(40, 25, 150.0), Holding(40, 12, 211.0)])
def test_replica_that_holds_more_than_before_is_found(after: Holding) -> None:
    assert [problem[:3] for problem in found(holdings=((Holding(40, 12, 150.0), after),))] == ["I10"]


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        (replace(REFUSAL, body=b"<html>"), "429 429: it is no JSON"),
        (replace(REFUSAL, body=b'{"error": "no"}'), "has not the shape of an error"),
        (replace(REFUSAL, body=b'{"error": {"code": "x"}}'), "has not the shape of an error"),
        (replace(REFUSAL, status=401), "a failure of ours is called a bad key"),
        (replace(REFUSAL, headers={}), "it does not say when to come back"),
        (replace(BROKEN, body=BROKEN.body + b"data: [DONE]\n\n"), "a stream that broke ends in [DONE]"),
        (replace(BROKEN, body=b'data: {"choices": []}\n\n'), "a stream ended neither well nor with an error"),
    ],
)
def test_answer_that_breaks_the_contract_is_found(seen: Any, told: str) -> None:
    problems = found(seen=(seen,))

    assert any(problem.startswith("I11: 1 x answer breaks the contract") and told in problem for problem in problems)


def test_error_of_ours_is_found() -> None:
    assert found(seen=(replace(REFUSAL, status=500),)) == ["I12: 1 x answer is a 500: r2"]
