import threading
from typing import Any

import pytest
from django.db import connection

from accounts.models import BudgetPeriod
from routing.domain.usage import Usage
from routing.models import CachedResponse, IdempotencyClaim, LedgerEntry
from routing.services import ledger
from routing.services.ledger import AlreadyClosed, BudgetRefused, ExistingClaim, Opened, Operation
from tests.routing.services.ledger_requests import COST, RESERVED, TODAY, USED, Request, budget, key

pytestmark = pytest.mark.django_db


def figures() -> tuple[int, int, int]:
    """Return what the only period has spent, reserved and overrun."""
    return BudgetPeriod.objects.values_list("spent_nano_usd", "reserved_nano_usd", "overrun_nano_usd").get()


def request(limit_nano_usd: int = 10**9, **fields: Any) -> Request:
    caller = key()
    return Request(caller, (budget(caller.team, limit_nano_usd).id,), **fields)


def another(of: Request, **fields: Any) -> Request:
    return Request(of.key, of.budget_ids, **fields)


def test_row_is_written_with_its_reservation_and_settled_with_its_cost() -> None:
    asked = request()

    [opened] = ledger.apply([asked.opening()])
    pending, held = LedgerEntry.objects.get(), figures()
    [was_open] = ledger.apply([asked.closing()])

    settled = LedgerEntry.objects.get()
    assert opened == Opened((BudgetPeriod.objects.get().id,))
    assert (pending.state, pending.reserved_nano_usd, held) == ("pending", RESERVED, (0, RESERVED, 0))
    assert was_open is True
    assert (settled.state, settled.reserved_nano_usd, settled.cost_nano_usd) == ("settled", 0, COST)
    assert (settled.input_tokens, settled.output_tokens, settled.latency_ms) == (1000, 20, 60)
    assert settled.created_at < (settled.settled_at or settled.created_at)
    assert figures() == (COST, 0, 0)


def test_batch_is_admitted_up_to_the_limit_and_the_refused_leave_a_failed_row() -> None:
    asked = [first := request(2 * RESERVED + 1), another(first), another(first)]

    results = ledger.apply([one.opening() for one in asked])

    assert [type(result) for result in results] == [Opened, Opened, BudgetRefused]
    refused = LedgerEntry.objects.get(request_id=asked[2].id)
    assert (refused.state, refused.http_status, refused.error_code) == ("failed", 402, "budget_exceeded")
    assert (refused.cost_nano_usd, refused.attempts) == (0, [])
    assert figures() == (0, 2 * RESERVED, 0)


def test_what_a_batch_releases_is_free_for_its_openings() -> None:
    before = request(RESERVED + COST)
    ledger.apply([before.opening()])
    after = another(before)

    results = ledger.apply([after.opening(), before.closing()])

    assert [type(result) for result in results] == [Opened, bool]
    assert figures() == (COST, RESERVED, 0)


def test_retry_of_a_committed_batch_changes_nothing() -> None:
    opened, extended, closed = (first := request(idempotency_key="k")), another(first), another(first)
    refused = another(first)
    ledger.apply([extended.opening(), closed.opening()])
    batch: list[Operation] = [opened.opening(), extended.extension(), closed.closing()]
    first_results, held = ledger.apply(batch), figures()

    results = ledger.apply(batch, is_retry=True)

    assert results == first_results
    assert figures() == held == (COST, RESERVED + 2 * RESERVED, 0)
    assert LedgerEntry.objects.get(request_id=extended.id).attempt_count == 2
    assert LedgerEntry.objects.filter(request_id=refused.id).count() == 0


def test_retry_of_a_refused_opening_is_refused_again() -> None:
    asked = request(RESERVED - 1)
    opening = asked.opening()
    ledger.apply([opening])

    results = ledger.apply([opening], is_retry=True)

    assert [type(result) for result in results] == [BudgetRefused]
    assert LedgerEntry.objects.count() == 1


def test_settling_twice_in_one_batch_spends_once() -> None:
    asked = request()
    ledger.apply([asked.opening()])
    closing = asked.closing()

    ledger.apply([closing, closing])

    assert figures() == (COST, 0, 0)


def test_late_settlement_corrects_what_the_reconciler_billed() -> None:
    asked = request()
    ledger.apply([asked.opening()])
    orphaned = asked.closing(Usage(1_000, 100))
    ledger.apply([ledger.CloseEntry({**orphaned.row, "state": "orphaned"}, only_pending=True)])
    billed = figures()

    ledger.apply([asked.closing()])

    assert billed == (RESERVED, 0, 0)
    assert figures() == (COST, 0, 0)
    assert LedgerEntry.objects.get().state == "settled"


def test_orphan_closed_meanwhile_is_left_alone() -> None:
    asked = request()
    ledger.apply([asked.opening()])
    ledger.apply([asked.closing()])

    results = ledger.apply([ledger.CloseEntry(asked.closing(Usage(1_000, 100)).row, only_pending=True)])

    assert results == [False]
    assert figures() == (COST, 0, 0)


def test_extension_adds_an_attempt_and_its_reservation() -> None:
    asked = request()
    ledger.apply([asked.opening()])

    [result] = ledger.apply([asked.extension()])

    entry = LedgerEntry.objects.get()
    assert isinstance(result, Opened)
    assert [attempt["state"] for attempt in entry.attempts] == ["partial", "pending"]
    assert (entry.attempt_count, entry.reserved_nano_usd) == (2, 2 * RESERVED)
    assert figures() == (0, 2 * RESERVED, 0)
    ledger.apply([asked.closing()])
    assert figures() == (RESERVED + COST, 0, 0)


def test_extension_the_budget_does_not_cover_changes_nothing() -> None:
    asked = request(2 * RESERVED - 1)
    ledger.apply([asked.opening()])

    [result] = ledger.apply([asked.extension()])

    assert isinstance(result, BudgetRefused)
    assert LedgerEntry.objects.get().attempt_count == 1
    assert figures() == (0, RESERVED, 0)


def test_row_that_has_been_closed_is_not_extended() -> None:
    asked = request()
    ledger.apply([asked.opening()])
    ledger.apply([asked.closing()])
    held = figures()

    in_turn = ledger.apply([asked.extension()])

    assert in_turn == [AlreadyClosed()]
    assert figures() == held == (COST, 0, 0)
    assert LedgerEntry.objects.get().attempt_count == 1


def test_closing_and_extending_in_one_batch_leaves_the_row_closed() -> None:
    asked = request()
    ledger.apply([asked.opening()])
    closing = asked.closing()

    results = ledger.apply([asked.extension(), closing])

    assert results == [AlreadyClosed(), True]
    assert LedgerEntry.objects.get().reserved_nano_usd == 0
    assert figures() == (COST, 0, 0)


def test_undone_opening_costs_nothing_and_frees_its_key() -> None:
    asked = request(idempotency_key="k")
    opening = asked.opening()
    [result] = ledger.apply([opening])

    undo = ledger.undo_of(opening, result)
    assert undo is not None
    ledger.apply([undo])

    entry = LedgerEntry.objects.get()
    assert (entry.state, entry.cost_nano_usd, entry.error_code) == ("failed", 0, "store_unavailable")
    assert [attempt["state"] for attempt in entry.attempts] == ["not_sent"]
    assert figures() == (0, 0, 0)
    assert IdempotencyClaim.objects.count() == 0


def test_second_claim_on_a_key_learns_of_the_first() -> None:
    first = request(idempotency_key="k")
    second = another(first, idempotency_key="k")

    results = ledger.apply([first.opening(), second.opening()])

    assert isinstance(results[0], Opened)
    assert results[1] == ExistingClaim("b" * 64, "in_flight", None, None, None)
    assert [str(entry.request_id) for entry in LedgerEntry.objects.all()] == [first.id]
    assert figures() == (0, RESERVED, 0)


def test_settlement_keeps_the_answer_for_its_key() -> None:
    asked = request(idempotency_key="k")
    ledger.apply([asked.opening()])
    answer = ledger.Answer(200, {"x-request-id": asked.id}, b"encrypted")

    ledger.apply([asked.closing(claim=answer)])
    [existing] = ledger.apply([another(asked, idempotency_key="k").opening()])

    assert existing == ExistingClaim("b" * 64, "answered", 200, {"x-request-id": asked.id}, b"encrypted")


def test_answer_to_reuse_is_written_with_its_settlement_and_its_use_is_counted() -> None:
    asked = request()
    ledger.apply([asked.opening()])
    kept = CachedResponse(
        key="c" * 64,
        team_id=asked.key.team_id,
        source_request_id=asked.id,
        provider="openai",
        served_model="plain",
        is_stream=False,
        encrypted_body=b"body",
        usage={"input_tokens": USED.input_tokens},
        original_cost_nano_usd=COST,
        created_at=asked.row["created_at"],
        expires_at="2026-03-05T12:00:00Z",
    )
    ledger.apply([asked.closing(cached_response=kept)])
    hit = another(asked)
    row = {**hit.row, "state": "settled", "cost_nano_usd": 0, "reserved_nano_usd": 0, "is_cache_hit": True}

    ledger.apply([ledger.OpenEntry(row, (), TODAY, cache_hit_key="c" * 64)])

    assert CachedResponse.objects.get().hit_count == 1
    assert figures() == (COST, 0, 0)


@pytest.mark.django_db(transaction=True)
def test_processes_that_settle_and_open_at_once_neither_block_nor_lose_each_other() -> None:
    first = request()
    rounds, failures = 20, []

    def work(count: int) -> None:
        try:
            for _ in range(count):
                one, two = another(first), another(first)
                ledger.apply([one.opening(), two.opening()])
                ledger.apply([two.closing(), one.closing(), (third := another(first)).opening()])
                ledger.apply([third.closing()])
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(rounds,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert LedgerEntry.objects.filter(state="settled").count() == 4 * rounds * 3
    assert figures() == (4 * rounds * 3 * COST, 0, 0)
