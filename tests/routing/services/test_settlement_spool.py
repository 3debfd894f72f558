"""Settlements on disk: what was written before a process died is settled by the next one, once."""

from pathlib import Path
from uuid import UUID

import pytest
from django.db import IntegrityError, transaction

from accounts.models import BudgetPeriod
from routing.models import IdempotencyClaim, LedgerEntry
from routing.services import ledger, settlement_spool
from routing.services.ledger import Answer
from routing.services.settlement_spool import Spool
from tests.routing.services.ledger_requests import COST, Request, budget, key

pytestmark = pytest.mark.django_db


def open_request(**fields: str) -> Request:
    caller = key()
    asked = Request(caller, (budget(caller.team).id,), **fields)
    ledger.apply([asked.opening()])
    return asked


def leave_behind(place: Path, *closings: ledger.CloseEntry) -> Path:
    """Do what a process does that dies with settlements in hand: its file stays, its lock goes."""
    spool = Spool(place, "dead")
    spool.keep(closings)
    spool.close()
    return place / "dead.jsonl"


def test_settlement_left_behind_is_settled_with_its_kept_answer_and_its_file_goes(tmp_path: Path) -> None:
    asked = open_request(idempotency_key="once")
    answer = Answer(200, {"x-request-id": asked.id}, b"\x00encrypted")
    path = leave_behind(tmp_path, asked.closing(claim=answer))

    assert settlement_spool.bring_in(tmp_path) == 1

    row, claim = LedgerEntry.objects.get(), IdempotencyClaim.objects.get()
    assert (row.state, row.cost_nano_usd) == ("settled", COST)
    assert BudgetPeriod.objects.values_list("spent_nano_usd", "reserved_nano_usd").get() == (COST, 0)
    assert (claim.state, claim.status, bytes(claim.encrypted_body or b"")) == ("answered", 200, b"\x00encrypted")
    assert not path.exists()


def test_settlement_that_the_database_had_after_all_is_not_booked_twice(tmp_path: Path) -> None:
    asked = open_request()
    closing = asked.closing()
    ledger.apply([closing])
    leave_behind(tmp_path, closing)

    settlement_spool.bring_in(tmp_path)

    assert BudgetPeriod.objects.values_list("spent_nano_usd", "reserved_nano_usd").get() == (COST, 0)


def test_file_of_a_living_process_is_left_alone(tmp_path: Path) -> None:
    asked = open_request()
    spool = Spool(tmp_path, "living")
    spool.keep([asked.closing()])

    assert settlement_spool.bring_in(tmp_path) == 0

    assert LedgerEntry.objects.get().state == "pending"
    spool.close()


def test_line_that_was_half_written_is_left_out(tmp_path: Path) -> None:
    asked = open_request()
    path = leave_behind(tmp_path, asked.closing())
    path.write_bytes(path.read_bytes() + b'{"row": {"request_id": "0')

    assert settlement_spool.bring_in(tmp_path) == 1
    assert LedgerEntry.objects.get().state == "settled"


def test_file_is_emptied_once_the_database_has_all_and_removed_at_the_end(tmp_path: Path) -> None:
    first, second = open_request().closing(), open_request().closing()
    spool = Spool(tmp_path, "living")
    spool.keep([first, second])
    path = tmp_path / "living.jsonl"

    spool.release([first])
    held_for_the_second = len(path.read_bytes().splitlines())
    spool.release([second])

    assert (held_for_the_second, path.read_bytes()) == (2, b"")
    assert path.stat().st_mode & 0o077 == 0
    spool.close()
    assert not path.exists()


def test_settlement_that_cannot_be_made_is_set_aside_and_hinders_no_other(tmp_path: Path) -> None:
    bad, good = open_request(), open_request()
    refused = bad.closing()
    refused.row["state"] = None
    leave_behind(tmp_path, refused, good.closing())

    assert settlement_spool.bring_in(tmp_path) == 2

    states = dict(LedgerEntry.objects.values_list("request_id", "state"))
    assert sorted(states.values()) == ["pending", "settled"]
    assert len((tmp_path / "dead.refused").read_bytes().splitlines()) == 1


def test_opening_that_may_have_been_committed_is_taken_back_and_one_that_was_not_can_no_longer_be() -> None:
    committed, lost = open_request(), Request(key())
    undone = [ledger.undo_of(asked.opening(), None) for asked in (committed, lost)]

    assert ledger.apply([operation for operation in undone if operation is not None]) == [True, False]

    rows = LedgerEntry.objects.values_list("state", "cost_nano_usd", "reserved_nano_usd", "error_code")
    assert list(rows) == [("failed", 0, 0, "store_unavailable")] * 2
    assert BudgetPeriod.objects.values_list("spent_nano_usd", "reserved_nano_usd").get() == (0, 0)
    with pytest.raises(IntegrityError), transaction.atomic():
        ledger.apply([lost.opening()])


def test_undoing_left_behind_is_done_by_the_next_process(tmp_path: Path) -> None:
    lost = Request(key())
    undo = ledger.undo_of(lost.opening(), None)
    assert isinstance(undo, ledger.CloseEntry)
    leave_behind(tmp_path, undo)

    assert settlement_spool.bring_in(tmp_path) == 1

    assert LedgerEntry.objects.values_list("request_id", "state").get() == (UUID(lost.id), "failed")
