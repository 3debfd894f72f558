"""E: processes are killed and replaced, the worker's queue is poisoned."""

import asyncio
import json
import signal
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from faults.cell import Cell
from faults.cells import clients, database
from faults.evidence import Evidence
from faults.load import Plan
from faults.stack import Stack, Web, wait_until

_USUAL = Plan(models=("ok", "ok", "slow_chunk", "slow_ok_300"))
# Longer than a request waits for the database: what is answered then is on disk only.
_PAST_WAITING_SECONDS = 4.0
DRAINED_SECONDS = 0.5
JOBS = 8
TASK = "feedback.tasks.delete_expired_events"
QUEUE = "celery"
WORKER_BACK_SECONDS = 30.0


def others_served(found: Evidence) -> Iterator[str]:
    """A replica that dies takes no request of another with it."""
    others = [seen for seen in found.seen if int(seen.url.rpartition(":")[2]) not in found.killed]
    refused = [seen.told for seen in others if not seen.is_whole]
    if not others or refused:
        yield f"{len(refused)} of {len(others)} requests to the other replica were not answered: {refused[:3]}"


async def kill_all_without_database(stack: Stack) -> None:
    """Kill the database, let answers under way come to their end, then kill every replica."""
    await database.kill(stack)
    await asyncio.sleep(_PAST_WAITING_SECONDS)
    for web in stack.web:
        stack.killed.add(web.port)
        await asyncio.to_thread(web.process.kill)


async def start_all(stack: Stack) -> None:
    await database.restart(stack)
    await asyncio.gather(*(asyncio.to_thread(web.start) for web in stack.web))


def answered_without_database(found: Evidence) -> Iterator[str]:
    """Some answers came to their end while the database was away; else the cell says nothing."""
    if not any(seen.is_whole and seen.began_at < found.harmed_at < seen.began_at + seen.seconds for seen in found.seen):
        yield "no answer came to its end while the database was away"


async def replace_one_by_one(stack: Stack) -> None:
    """Take each replica out of the balancer, end it as a deployment does, and start another in its place."""
    for web in stack.web:
        await _replace(stack, web)


async def _replace(stack: Stack, web: Web) -> None:
    stack.killed.add(web.port)
    stack.urls.remove(web.url)
    await asyncio.sleep(DRAINED_SECONDS)
    code = await asyncio.to_thread(web.process.stop)
    # Uvicorn ends by the signal itself, once everything has come to its end.
    if code not in (0, -signal.SIGTERM):
        stack.problems.append(f"a replica that was asked to end did so with code {code}")
    await asyncio.to_thread(web.start)
    stack.urls.append(web.url)


def none_refused(found: Evidence) -> Iterator[str]:
    """A deployment fails no request: new ones go to the other replica, those under way come to their end."""
    refused = [seen.told for seen in found.seen if not seen.is_whole]
    if refused:
        yield f"{len(refused)} of {len(found.seen)} requests were not answered: {refused[:3]}"


async def kill_worker_at_work(stack: Stack) -> None:
    """Hand the worker jobs, each of them twice, and kill it while it does them, three times."""
    for number in range(JOBS):
        wish = f"faults-{number}"
        for _ in range(2):
            await asyncio.to_thread(push, stack, TASK, wish)
    for _ in range(3):
        await asyncio.to_thread(stack.worker.kill)
        await asyncio.to_thread(stack.start_worker)
        await asyncio.sleep(0.5)


async def jobs_done_once(stack: Stack) -> None:
    """Each wish has one run, and it has succeeded."""
    from django.db import connections

    from jobs.services.attempts import LEASE

    connections.close_all()
    # What the worker was at when it was killed is taken up again once its lease has run out.
    seconds = LEASE.total_seconds() + WORKER_BACK_SECONDS
    await asyncio.to_thread(wait_until, lambda: _states().get("succeeded", 0) >= JOBS, seconds)
    states = await asyncio.to_thread(_states)
    if states != Counter(succeeded=JOBS):
        stack.problems.append(f"of {JOBS} jobs, each wished for twice, there are runs {dict(states)}")


def _states() -> Counter[str]:
    from jobs.models import JobRun

    runs = JobRun.objects.filter(name=TASK, period_key__startswith="message faults-")
    return Counter(runs.values_list("state", flat=True))


async def poison(stack: Stack) -> None:
    """Put on the queue what no worker can read, and good work behind it."""
    await asyncio.to_thread(_poison, stack)


def _poison(stack: Stack) -> None:
    redis = stack.redis.client
    for nonsense in (b"garbage", b"[1, 2]", b"null", b"{}", b'"text"', b"\x80\x04K\x01.", b"\xff\xfe\x00"):
        redis.lpush(QUEUE, nonsense)
    push(stack, "no.such.task", "faults-unknown")
    push(stack, TASK, "faults-0", content_type="application/x-python-serialize")
    for number in range(JOBS):
        push(stack, TASK, f"faults-{number}")


async def poison_buried(stack: Stack) -> None:
    """Good work behind the poison is done, and what asks for an unknown task is kept for people to see."""
    from jobs.models import DeadLetter

    await jobs_done_once(stack)
    if not stack.worker.is_running:
        stack.problems.append("the worker did not come back")
    began_at = time.monotonic()
    while not await asyncio.to_thread(DeadLetter.objects.filter(name="no.such.task").exists):
        if time.monotonic() - began_at > WORKER_BACK_SECONDS:
            stack.problems.append("the unknown task is in no dead letter")
            return
        await asyncio.sleep(0.2)


def push(
    stack: Stack,
    task: str,
    wish: str,
    *,
    content_type: str = "application/json",
    arguments: Mapping[str, Any] | None = None,
) -> None:
    """Put a message on the queue as Celery does, by its bytes: ``wish`` is its id."""
    import base64

    message = {
        "body": base64.b64encode(json.dumps([[], dict(arguments or {}), {}]).encode()).decode(),
        "content-encoding": "utf-8",
        "content-type": content_type,
        "headers": {"lang": "py", "task": task, "id": wish, "root_id": wish, "retries": 0, "argsrepr": "()"},
        "properties": {
            "correlation_id": wish,
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": QUEUE},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": str(uuid.uuid4()),
        },
    }
    stack.redis.client.lpush(QUEUE, json.dumps(message))


CELLS = (
    Cell(
        "A1b",
        "PostgreSQL killed, then every replica, with answers not yet in the ledger",
        _USUAL,
        kill_all_without_database,
        start_all,
        (answered_without_database, database.served_after),
    ),
    Cell("E1", "a replica killed", _USUAL, clients.kill_one, clients.start_it, (others_served,)),
    Cell(
        "E2",
        "replicas replaced one by one",
        Plan(models=_USUAL.models, seconds=25.0),
        replace_one_by_one,
        expect=(none_refused,),
    ),
    Cell(
        "E3",
        "worker killed at work",
        Plan(models=("ok",), concurrency=4),
        kill_worker_at_work,
        finish=jobs_done_once,
        has_workers=True,
    ),
    Cell(
        "E4",
        "poison on the worker's queue",
        Plan(models=("ok",), concurrency=4),
        poison,
        finish=poison_buried,
        has_workers=True,
    ),
)
