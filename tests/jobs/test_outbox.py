"""A message written with a change is delivered once, after the change, whatever happens to broker and workers."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from accounts.models import Team
from jobs import tasks
from jobs.models import DeadLetter, OutboxMessage
from jobs.services import attempts, clock, dead_letters, outbox, sweep
from tests import factories

calls: list[dict[str, Any]] = []


@pytest.fixture(autouse=True)
def nothing_was_called() -> None:
    calls.clear()


@outbox.handler("test.rename", in_transaction=True)
def rename(*, team: int, name: str, fails: bool = False) -> None:
    Team.objects.filter(pk=team).update(name=name)
    calls.append({"name": name})
    if fails:
        raise ValueError("after the change")


@outbox.handler("test.tell", in_transaction=False)
def tell(**arguments: Any) -> None:
    assert not connection.in_atomic_block
    calls.append(arguments)


def make_due() -> None:
    past = clock.now() - timedelta(seconds=1)
    OutboxMessage.objects.exclude(due_at=None).update(due_at=past)
    OutboxMessage.objects.exclude(lease_expires_at=None).update(lease_expires_at=past)


@pytest.mark.django_db
def test_delivered_twice_a_message_has_its_effect_once() -> None:
    message = outbox.send("test.rename", team=factories.team().pk, name="new")

    tasks.deliver(message_id=str(message.pk))
    tasks.deliver(message_id=str(message.pk))

    assert (len(calls), Team.objects.get().name) == (1, "new")
    message.refresh_from_db()
    assert message.state == "succeeded"


@pytest.mark.django_db
def test_a_handler_that_fails_leaves_nothing_behind_and_is_tried_again() -> None:
    team = factories.team()
    message = outbox.send("test.rename", team=team.pk, name="new", fails=True)

    for _ in range(4):
        with pytest.raises(ValueError, match="after the change"):
            outbox.deliver(message.pk)
        assert outbox.deliver(message.pk) is False
        make_due()

    team.refresh_from_db()
    assert team.name != "new"
    letter = DeadLetter.objects.get()
    assert (letter.kind, letter.name, letter.reason) == ("outbox", "test.rename", "ValueError: after the change")
    dead_letters.retry(letter, actor="ann")
    message.refresh_from_db()
    assert (message.state, message.attempts) == ("queued", 0)


@pytest.mark.django_db
def test_effects_of_who_was_overtaken_are_undone() -> None:
    team = factories.team()
    message = outbox.send("test.slow", team=team.pk)

    @outbox.handler("test.slow")
    def be_overtaken(*, team: int) -> None:
        Team.objects.filter(pk=team).update(name="by the slow one")
        OutboxMessage.objects.update(token=None)

    assert outbox.deliver(message.pk) is False

    team.refresh_from_db()
    assert team.name != "by the slow one"


@pytest.mark.django_db(transaction=True)
def test_a_handler_of_the_network_runs_outside_of_transactions_and_knows_its_message() -> None:
    message = outbox.send("test.tell", text="hello")

    assert outbox.deliver(message.pk)

    assert calls == [{"text": "hello", "message_id": str(message.pk)}]


@pytest.mark.django_db(transaction=True)
def test_a_change_that_is_rolled_back_sends_nothing() -> None:
    with transaction.atomic():
        outbox.send("test.tell", text="hello")
        transaction.set_rollback(True)

    assert OutboxMessage.objects.count() == 0


@pytest.mark.django_db
def test_a_message_for_nobody_is_kept() -> None:
    message = outbox.send("test.unheard")

    with pytest.raises(outbox.UnknownHandler, match="older than the sender"):
        outbox.deliver(message.pk)

    message.refresh_from_db()
    assert message.state == "failed"


@pytest.mark.django_db
def test_a_message_that_kills_every_process_is_given_up() -> None:
    message = outbox.send("test.tell", text="die")
    OutboxMessage.objects.update(attempts=4, **attempts.new_lease(clock.now()))
    make_due()

    sweep.sweep(now=clock.now())

    assert DeadLetter.objects.get().message_id == message.pk


@pytest.mark.django_db(transaction=True)
def test_of_workers_that_race_for_a_message_one_delivers_it() -> None:
    together = threading.Barrier(4)
    message = outbox.send("test.rename", team=factories.team().pk, name="new")

    def race() -> None:
        together.wait(timeout=30)
        outbox.deliver(message.pk)
        connection.close()

    threads = [threading.Thread(target=race) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert calls == [{"name": "new"}]
