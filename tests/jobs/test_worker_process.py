"""A real worker, fed with what nobody can read and with work that kills it."""

import base64
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import redis
from celery import current_app
from django.conf import settings as project

from jobs.models import DeadLetter, JobRun
from jobs.services import clock, doorbell, runs, sweep
from tests.jobs import lethal_tasks
from tests.server import database_url, inherited_environment

pytestmark = pytest.mark.django_db(transaction=True)
SECONDS = 60.0


def wait_until(is_so: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < deadline, f"It did not happen:\n{log.read_text(errors='replace')}"
        time.sleep(0.05)


@pytest.fixture
def queue(redis_server: str, settings) -> Iterator[redis.Redis]:
    settings.REDIS_URL = redis_server
    with redis.Redis.from_url(redis_server) as client:
        client.flushdb()
        yield client


@pytest.fixture
def worker(queue, tmp_path: Path) -> Iterator[tuple["subprocess.Popen[bytes]", Path]]:
    log = tmp_path / "worker.log"
    command = [sys.executable, "-m", "celery", "--app", "optimizer_project", "--quiet", "worker"]
    command += ["--concurrency", "1", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    command += ["--include", lethal_tasks.__name__, "--loglevel", "INFO"]
    environment = {**inherited_environment(), "DATABASE_URL": database_url(), "REDIS_URL": project.REDIS_URL}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=project.BASE_DIR,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            # A group of its own, so that its children end with it.
            start_new_session=True,
        )
    yield process, log
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def message(task: object, body: bytes, content_type: str = "application/json") -> bytes:
    """Return a message as Celery writes them."""
    return json.dumps(
        {
            "body": base64.b64encode(body).decode(),
            "content-encoding": "utf-8",
            "content-type": content_type,
            "headers": {"id": "1", "task": task, "lang": "py", "argsrepr": "", "kwargsrepr": ""},
            "properties": {
                "delivery_tag": "tag",
                "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": "celery"},
                "body_encoding": "base64",
                "correlation_id": "1",
                "priority": 0,
            },
        }
    ).encode()


POISON = [
    b"garbage",
    b"\xff\xfe\x00",
    b"[1, 2, 3]",
    b"{}",
    b'{"properties": {"delivery_tag": "1"}}',
    message(["a", "list"], b"[[], {}, {}]"),
    message("no.such.task", b"[[], {}, {}]"),
    message("jobs.tasks.sweep", b"cos\nsystem\n", "application/x-python-serialize"),
]


def test_poison_and_a_killed_process_cost_neither_the_worker_nor_any_work(queue, worker) -> None:
    process, log = worker
    for item in POISON:
        queue.lpush("celery", item)
    # A body that only the child which runs the task can find to be wrong.
    queue.lpush("celery", message("jobs.tasks.sweep", b"not even JSON"))
    now = clock.now()
    runs.enqueue(lethal_tasks.live.name, period_key="first", trigger="schedule", now=now)

    wait_until(lambda: JobRun.objects.filter(name=lethal_tasks.live.name, state="succeeded").exists(), log)
    wait_until(lambda: DeadLetter.objects.filter(kind="message").count() >= len(POISON) + 1, log)

    runs.enqueue(lethal_tasks.die_once.name, period_key="first", trigger="schedule", now=now)
    wait_until(lambda: JobRun.objects.get(name=lethal_tasks.die_once.name).state == "running", log)
    wait_until(lambda: "SIGKILL" in log.read_text(errors="replace"), log)
    # Rather than wait for the lease of the dead process to run out.
    JobRun.objects.filter(state="running").update(lease_expires_at=clock.now() - timedelta(seconds=1))
    doorbell.forget()
    sweep.sweep(now=clock.now())
    wait_until(lambda: JobRun.objects.get(name=lethal_tasks.die_once.name).state == "succeeded", log)

    overtaken = JobRun.objects.get(name=lethal_tasks.die_once.name)
    assert (overtaken.attempts, overtaken.result) == (2, {"by": "another process"})
    assert process.poll() is None
    assert set(DeadLetter.objects.values_list("name", flat=True)) >= {"unknown", "no.such.task", "jobs.tasks.sweep"}
    assert current_app.tasks[lethal_tasks.live.name].is_job
