"""The broker only tells workers of what the database holds: away or frozen, it delays nobody and loses nothing."""

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
import redis

from jobs.models import JobRun, OutboxMessage
from jobs.services import clock, doorbell, outbox, sweep
from tests.tcp_proxy import TcpProxy

NAME = "learning.tasks.watch"


@pytest.fixture
def queue(redis_server: str, settings) -> Iterator[redis.Redis]:
    settings.REDIS_URL = redis_server
    with redis.Redis.from_url(redis_server) as client:
        client.flushdb()
        yield client


@pytest.fixture
def frozen(redis_server: str, settings) -> Iterator[None]:
    """A broker that takes connections and never says a word."""
    with TcpProxy(int(redis_server.rpartition(":")[2].partition("/")[0])) as proxy:
        proxy.freeze()
        settings.REDIS_URL = f"redis://127.0.0.1:{proxy.port}/0"
        yield
        proxy.heal()


def waiting_run(**values) -> JobRun:
    now = clock.now()
    return JobRun.objects.create(name=NAME, period_key="first", created_at=now, due_at=now, **values)


@pytest.mark.django_db
def test_the_sweeper_tells_a_worker_once_of_what_waits(queue) -> None:
    waiting_run()
    later = clock.now() + timedelta(minutes=1)
    JobRun.objects.create(name=NAME, period_key="later", created_at=later, due_at=later, state="failed")
    JobRun.objects.create(name="gone.tasks.job", period_key="first", created_at=later, due_at=clock.now())
    outbox.send("test.any")

    told = [sweep.sweep(now=clock.now()), sweep.sweep(now=clock.now())]

    assert (told, queue.llen("celery")) == ([2, 0], 2)


@pytest.mark.django_db
def test_what_a_broker_lost_is_told_of_again(queue) -> None:
    waiting_run()
    sweep.sweep(now=clock.now())
    queue.flushdb()

    assert sweep.sweep(now=clock.now() + sweep.PATIENCE) == 1
    assert queue.llen("celery") == 1


@pytest.mark.django_db
def test_a_frozen_broker_blocks_nobody(frozen) -> None:
    run = waiting_run()
    started = time.monotonic()

    rung = [doorbell.ring(run) for _ in range(20)]
    took = time.monotonic() - started

    # One quarter of a second to find out; twenty would take five seconds, and Celery's own way more than thirty.
    assert not any(rung)
    assert took < 3.0


@pytest.mark.django_db(transaction=True)
def test_a_change_is_committed_while_the_broker_is_frozen(frozen) -> None:
    outbox.send("test.any")

    assert OutboxMessage.objects.get().state == "queued"


@pytest.mark.django_db
def test_without_a_broker_nobody_is_told(settings) -> None:
    settings.REDIS_URL = ""

    assert not doorbell.ring(waiting_run())
