"""F4: a retraining killed at twenty moments of its work, and policies that cannot be read."""

import asyncio
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import IO, Any, cast
from uuid import UUID

import aiohttp

from faults.cell import Cell
from faults.cells.providers import good_ones_served
from faults.load import Client, Plan
from faults.stack import PROJECT_DIR, Stack

KILLS = 20
RATINGS = 40
BETTER = "better"
PATTERN = "general"
KNOWN_SECONDS = 2.0
_PROMPT = "What is the capital of Norway?"
_LONGEST = 60.0
_SECONDS = aiohttp.ClientTimeout(total=20)


async def rate_a_better_model(stack: Stack) -> None:
    """Offer a second model, and ratings by which a retraining sends it a pattern."""
    await asyncio.to_thread(_rate, stack.clients[0])


def _rate(client: Client) -> None:
    from accounts.services import config_version
    from feedback.models import ResponseFeedback
    from routing.models import LanguageModel, Provider
    from routing.services import database_clock
    from tests import factories

    provider = Provider.objects.get(language_models__name="ok")
    model = factories.language_model(
        provider, BETTER, upstream_name="ok", max_output_tokens=200, tier=LanguageModel.Tier.MODERATE
    )
    factories.price(model)
    config_version.bump()
    before = database_clock.now() - timedelta(hours=1)
    fields: dict[str, Any] = {"provider": provider.slug, "served_model": BETTER, "pattern": PATTERN, "quality_score": 5}
    team = _team(client)
    ResponseFeedback.objects.bulk_create(
        factories.unsaved_feedback(
            team, **fields, user_id=f"rater {number}", created_at=before, requested_at=before, reward=1.0
        )
        for number in range(RATINGS)
    )


def _team(client: Client) -> Any:
    from accounts.models import Team

    return Team.objects.get(id=client.team_id)


async def kill_retrainings(stack: Stack) -> None:
    """Retrain once to see how long it takes, then kill it at twenty moments of that time, then let it be done."""
    await asyncio.to_thread(_kill_all, stack)
    await _spoil_policies(stack)


def _kill_all(stack: Stack) -> None:
    rng = random.Random(len(stack.seen))
    with _retrainer(stack) as retrain:
        took = retrain(_LONGEST)["seconds"]
        _withdraw()
        killed = 0
        for number in range(KILLS):
            known = _runs()
            ended = retrain(took * (number + rng.random()) / KILLS)
            killed += ended["is_killed"]
            stack.problems += _inconsistencies(ended, _runs() - known)
            _withdraw()
        if killed < KILLS // 2:
            stack.problems.append(
                f"only {killed} of {KILLS} retrainings were still at work when they were to be killed"
            )
        retrain(_LONGEST)
        if _active() is None:
            stack.problems.append("after retrainings that were killed, none succeeds")


@contextmanager
def _retrainer(stack: Stack) -> Iterator[Any]:
    process = subprocess.Popen(
        [sys.executable, "-m", "faults.retrainer"],
        cwd=PROJECT_DIR,
        env=stack.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=(stack.folder / "retrainer.log").open("wb"),
        text=True,
    )
    says, hears = cast(IO[str], process.stdout), cast(IO[str], process.stdin)
    says.readline()

    def retrain(seconds: float) -> dict[str, Any]:
        hears.write(f"{seconds}\n")
        hears.flush()
        return dict(json.loads(says.readline()))

    try:
        yield retrain
    finally:
        hears.close()
        process.wait()
        says.close()


def _active() -> Any:
    from routing.selectors import policies

    return policies.active(None)


def _runs() -> set[UUID]:
    from learning.models import RetrainingRun

    return set(RetrainingRun.objects.values_list("run_id", flat=True))


def _inconsistencies(ended: dict[str, Any], new: set[UUID]) -> Iterator[str]:
    """Yield what does not fit together: policy, table of overrides and the record of the run change as one."""
    from learning.models import RetrainingRun
    from learning.selectors import overrides

    # Where it was killed at once, there is not even that it began.
    run = RetrainingRun.objects.filter(run_id__in=new).first()
    active = _active()
    when = f"killed after {ended['seconds'] * 1000:.0f} ms"
    routes = set(overrides.in_document(active))
    if set(overrides.active_rows(None).values_list("pattern", flat=True)) != routes:
        yield f"{when}, the table does not say what the policy does"
    has_succeeded = run is not None and run.state == RetrainingRun.State.SUCCEEDED
    if has_succeeded != (active is not None):
        yield f"{when}, its run is {run.state if run else 'none'} and the policy {active}"


def _withdraw() -> None:
    """Go back to no policy at all, and let the lock of a run that was killed run out."""
    from django.db import transaction

    from learning.models import RetrainingRun
    from learning.services import overrides
    from routing.services import database_clock, policies

    now = database_clock.now()
    if _active() is not None:
        with transaction.atomic():
            overrides.follow(policies.withdraw(team=None, actor="faults", reason="again", now=now))
    RetrainingRun.objects.filter(state=RetrainingRun.State.RUNNING).update(started_at=now - timedelta(hours=1))


async def _spoil_policies(stack: Stack) -> None:
    """Hand in predictors that cannot be, then spoil what is stored: replicas go on with the policy they hold."""
    version = (await asyncio.to_thread(_active)).version
    await asyncio.sleep(KNOWN_SECONDS)
    await asyncio.to_thread(lambda: stack.problems.extend(_taken_nonsense()))
    await asyncio.to_thread(_put_nonsense_in_force)
    await asyncio.sleep(KNOWN_SECONDS)
    headers = {"Authorization": f"Bearer {stack.clients[1].secret}"}
    query = {"prompt": _PROMPT, "strategy": "learning"}
    async with aiohttp.ClientSession(timeout=_SECONDS, headers=headers) as session:
        for url in stack.urls:
            async with session.get(f"{url}/routing/decision", params=query) as response:
                told = (await response.json()).get("policy_version")
            if told != version:
                stack.problems.append(f"with a spoiled policy in force a replica routes by {told}, not by {version}")


def _taken_nonsense() -> Iterator[str]:
    import numpy as np

    from routing.domain import array_archive, predictor_format
    from routing.domain.policy import InvalidPolicy
    from routing.services import database_clock, policies
    from tests.routing.domain.small_predictor import small_predictor

    sound = predictor_format.write(small_predictor())
    held = array_archive.unpack(sound)
    arrays = {name: np.full_like(value, np.nan) if value.dtype.kind == "f" else value for name, value in held.items()}
    cases = {"nonsense": b"nonsense", "half a file": sound[: len(sound) // 2], "NaN": array_archive.pack(arrays)}
    for name, content in cases.items():
        try:
            policies.store_predictor(content, summary={}, trained_at=database_clock.now())
        except InvalidPolicy:
            continue
        yield f"a predictor of {name} was taken"


def _put_nonsense_in_force() -> None:
    """Write, past all services, an active policy that nobody can read, and let every replica look."""
    from accounts.services import config_version
    from routing.models import PolicyVersion
    from routing.services import database_clock

    State = PolicyVersion.State
    PolicyVersion.objects.filter(team=None, state=State.ACTIVE).update(state=State.RETIRED)
    PolicyVersion.objects.create(
        source=PolicyVersion.Source.STAFF,
        document={"format": "nonsense"},
        content_hash="0" * 64,
        state=State.ACTIVE,
        created_by="faults",
        created_at=database_clock.now(),
    )
    config_version.bump()


CELLS = (
    Cell(
        "F4",
        "retrainings killed at twenty moments, policies that cannot be read",
        Plan(models=("ok", "auto"), concurrency=6, seconds=16.0),
        kill_retrainings,
        expect=(good_ones_served,),
        prepare=rate_a_better_model,
        allowed={"I6": "the cell retrains on purpose, and checks each change itself"},
    ),
)
