from datetime import datetime, timedelta

import pytest

from accounts.models import BudgetPeriod
from routing.models import GatewayInstance, IdempotencyClaim, LedgerEntry
from routing.services import database_clock, ledger, reconciler
from tests.routing.services.ledger_requests import COST, INSTANCE, RESERVED, Request, budget, key

pytestmark = pytest.mark.django_db

OTHER_INSTANCE = "01a200de-0000-7000-8000-000000000001"


def lease(instance_id: str, ends_in: timedelta) -> None:
    now = database_clock.now()
    GatewayInstance.objects.create(
        id=instance_id, host="here", pid=1, version="0", started_at=now, lease_expires_at=now + ends_in
    )


def opened(created_at: datetime | None = None, **fields: str) -> Request:
    caller = key()
    asked = Request(caller, (budget(caller.team).id,), **fields)
    asked.row["created_at"] = (created_at or database_clock.now()).isoformat()
    ledger.apply([asked.opening()])
    return asked


def figures() -> tuple[int, int]:
    return BudgetPeriod.objects.values_list("spent_nano_usd", "reserved_nano_usd").get()


def test_row_of_a_dead_process_is_closed_at_its_reservation() -> None:
    lease(INSTANCE, ends_in=timedelta(seconds=-16))
    opened()

    assert reconciler.close_orphans() == 1

    entry = LedgerEntry.objects.get()
    assert (entry.state, entry.cost_nano_usd, entry.reserved_nano_usd) == ("orphaned", RESERVED, 0)
    assert (entry.is_estimated, entry.flags, entry.error_code) == (True, ["orphaned"], "process_ended")
    [attempt] = entry.attempts
    assert (attempt["state"], attempt["cost_nano_usd"], attempt["is_estimated"]) == ("unknown", RESERVED, True)
    assert figures() == (RESERVED, 0)


def test_process_that_never_took_a_lease_is_dead() -> None:
    opened()

    assert reconciler.close_orphans() == 1


def test_second_run_changes_nothing() -> None:
    opened()
    reconciler.close_orphans()

    assert reconciler.close_orphans() == 0
    assert figures() == (RESERVED, 0)


@pytest.mark.parametrize("ends_in", [timedelta(seconds=20), timedelta(seconds=-5)])
def test_row_of_a_process_within_its_lease_or_its_grace_is_left_alone(ends_in: timedelta) -> None:
    lease(INSTANCE, ends_in)
    opened()

    assert reconciler.close_orphans() == 0
    assert figures() == (0, RESERVED)


def test_row_older_than_any_request_may_run_is_closed_though_its_process_lives() -> None:
    lease(INSTANCE, ends_in=timedelta(seconds=20))
    opened(database_clock.now() - timedelta(minutes=31))

    assert reconciler.close_orphans() == 1


def test_only_the_rows_of_the_dead_are_closed() -> None:
    lease(INSTANCE, ends_in=timedelta(seconds=20))
    living, dead = opened(), opened(instance_id=OTHER_INSTANCE)

    reconciler.close_orphans()

    states = {str(entry.request_id): entry.state for entry in LedgerEntry.objects.all()}
    assert states == {living.id: "pending", dead.id: "orphaned"}


def test_attempts_that_had_ended_keep_their_cost() -> None:
    asked = opened()
    ledger.apply([asked.extension()])

    reconciler.close_orphans()

    entry = LedgerEntry.objects.get()
    assert [attempt["state"] for attempt in entry.attempts] == ["partial", "unknown"]
    assert entry.cost_nano_usd == 2 * RESERVED
    assert figures() == (2 * RESERVED, 0)


def test_claim_of_a_dead_request_becomes_unknown() -> None:
    opened(idempotency_key="k")

    reconciler.close_orphans()

    assert IdempotencyClaim.objects.get().state == "unknown"


def test_process_taken_for_dead_too_early_still_settles_the_truth() -> None:
    asked = opened()
    reconciler.close_orphans()

    ledger.apply([asked.closing()])

    assert LedgerEntry.objects.get().cost_nano_usd == COST
    assert figures() == (COST, 0)


def test_more_orphans_than_a_batch_are_all_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciler, "BATCH", 2)
    caller = key()
    ledger.apply([Request(caller).opening() for _ in range(5)])

    assert reconciler.close_orphans() == 5
    assert LedgerEntry.objects.filter(state="pending").count() == 0
