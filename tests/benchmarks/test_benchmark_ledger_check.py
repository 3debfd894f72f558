from dataclasses import replace

from benchmarks.ledger_check import LedgerFacts, expected_cost_nano_usd, problems

# 25 input and 20 output tokens: 25 * 0.15 + 20 * 0.60 = 15.75 micro-dollars from the small model, and
# 25 * 2.50 + 20 * 10.00 = 262.5 from the large one. Three and one of them: 47,250 + 262,500 nano-dollars.
EXACT = LedgerFacts(
    rows_by_state={"settled": 4, "failed": 2},
    settled_by_model={"small": 3, "large": 1},
    cost_nano_usd=309_750,
    budgets={
        "day": {"spent": 309_750, "reserved": 0, "overrun": 0},
        "month": {"spent": 309_750, "reserved": 0, "overrun": 0},
    },
)


def test_expected_cost_is_tokens_times_price() -> None:
    assert expected_cost_nano_usd({"small": 3, "large": 1}) == 309_750


def test_exact_ledger_has_no_problem() -> None:
    assert problems(EXACT, good_answers=4) == []


def test_missing_row_is_found() -> None:
    assert problems(EXACT, good_answers=5) == ["4 settled rows for 5 good answers"]


def test_pending_row_is_found() -> None:
    facts = replace(EXACT, rows_by_state={"settled": 4, "pending": 1})

    assert problems(facts, good_answers=4) == ["1 rows still pending after the gateway ended"]


def test_single_nano_dollar_is_found_in_ledger_and_budgets() -> None:
    facts = replace(EXACT, cost_nano_usd=309_751)

    assert problems(facts, good_answers=4) == [
        "cost is 309751 nano-dollars, tokens times price are 309750",
        "budget day has spent 309750, the ledger says 309751",
        "budget month has spent 309750, the ledger says 309751",
    ]


def test_reservation_that_was_not_released_is_found() -> None:
    facts = replace(EXACT, budgets={"day": {"spent": 309_750, "reserved": 7, "overrun": 0}})

    assert problems(facts, good_answers=4) == ["budget day holds 7 reserved and 0 overrun"]


def test_ledger_without_a_charged_budget_is_a_problem() -> None:
    assert problems(replace(EXACT, budgets={}), good_answers=4) == ["no budget was charged"]


def test_answer_from_a_foreign_model_is_a_problem() -> None:
    facts = replace(EXACT, settled_by_model={"small": 3, "simulated": 1})

    assert problems(facts, good_answers=4) == ["answers from models that are not the benchmark's: simulated"]
