"""The proof at scale: what is explained, what is not, and how the work is divided."""

from dataclasses import replace

import pytest

from faults.money import account, report
from faults.money.__main__ import options_of, parts
from faults.money.part import Result
from tests.faults.made_up import COST, RESERVED, attempt, evidence, exchange, row

THIRD = row("r3", attempt("r3", "partial", cost_nano_usd=RESERVED, is_estimated=True), state="partial")


def test_what_is_flagged_explains_the_difference() -> None:
    # Two exchanges of 47,000 nano-dollars; the broken stream is billed at its reservation instead.
    sums = account.of(evidence())

    assert (sums.ledger, sums.tally) == (COST + RESERVED, 2 * COST)
    assert (sums.flagged, sums.flagged_attempts, sums.tally_of_flagged) == (RESERVED, 1, COST)
    assert sums.unexplained == 0


@pytest.mark.parametrize(
    ("rows", "unexplained"),
    [
        # A nano-dollar too much, and an exchange of which the ledger knows nothing.
        ((row("r1", attempt("r1", cost_nano_usd=COST + 1)), THIRD), 1),
        ((THIRD,), -COST),
    ],
)
def test_what_is_not_flagged_is_unexplained(rows: tuple[dict[str, object], ...], unexplained: int) -> None:
    assert account.of(evidence(rows=rows)).unexplained == unexplained


def test_what_the_provider_does_not_bill_costs_nothing() -> None:
    assert account.price_nano_usd(replace(exchange("r1"), is_billed=False)) == 0


def test_batches_have_all_requests_and_kills_between_them() -> None:
    asked = options_of(["--requests", "100", "--kills", "7", "--batch", "40", "--only", "kills"])

    plays = [part.play.__self__ for part in parts(asked)]  # type: ignore[attr-defined]

    assert [(play.requests, play.kills) for play in plays] == [(33, 2), (33, 2), (34, 3)]
    assert len({play.seed for play in plays}) == 3


def test_results_are_kept_and_added_up_by_kind(tmp_path) -> None:
    kept = tmp_path / "results.jsonl"
    for number, overspent in ((1, 0), (2, 5)):
        figures = {"requests": 1_000, "overspent nano-USD": overspent}
        report.keep(kept, Result(f"kills batch {number} of 2: seed 1", 10.0, figures))
    report.keep(kept, Result("races: 500 requests, seed 1", 5.0, {"requests": 500}, ["I3: over its limit"]))

    found = report.read(kept)

    assert list(found) == ["kills batch 1 of 2: seed 1", "kills batch 2 of 2: seed 1", "races: 500 requests, seed 1"]
    assert report.table(list(found.values())).splitlines() == [
        "|  | while replicas and workers are killed | racing for small budgets |",
        "| --- | ---: | ---: |",
        "| requests | 2,000 | 500 |",
        "| overspent nano-USD | 5 |  |",
        "| problems | 0 | 1 |",
    ]
    assert "DIFFERS" in report.line(found["races: 500 requests, seed 1"])
