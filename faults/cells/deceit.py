"""F1: ratings that are to move routing."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import aiohttp
from django.db.models import F, Q

from faults import load, ratings
from faults.cell import Cell
from faults.cells.gadgets import DEAR, KNOWN_SECONDS, offer_dear_models
from faults.cells.providers import good_ones_served
from faults.load import Client, Plan, Seen
from faults.stack import Stack

# One person who rates without end, and many who do as they are told.
REQUESTS_OF_ONE, RATINGS_OF_ONE = 12, 10
SYBILS, REQUESTS_OF_EACH = 8, 5
DAYS_OF_HONEST, HONEST_A_DAY = 20, 4
_SECONDS = aiohttp.ClientTimeout(total=30)


async def remember_honest_ratings(stack: Stack) -> None:
    """Offer the dear model, and let both have been rated as what they are for weeks."""
    await offer_dear_models(stack)
    async with aiohttp.ClientSession(timeout=_SECONDS) as session:
        asked = await load.ask(session, stack.urls[0], stack.clients[0], model="ok", nonce="of which pattern")
    stack.seen.append(asked)
    await asyncio.to_thread(_remember, stack.clients[0], asked.request_id)


def _remember(client: Client, request_id: str) -> None:
    from accounts.models import Team
    from feedback.models import ResponseFeedback
    from routing.models import LedgerEntry
    from routing.services import database_clock
    from tests import factories

    row = LedgerEntry.objects.get(request_id=request_id)
    team, now = Team.objects.get(id=client.team_id), database_clock.now()
    fields: dict[str, Any] = {"provider": row.provider, "pattern": row.pattern, "reward": 0.75}
    ResponseFeedback.objects.bulk_create(
        factories.unsaved_feedback(
            team,
            **fields,
            served_model=model,
            quality_score=4,
            user_id=f"honest {day % 7} {number}",
            created_at=now - timedelta(days=day),
            requested_at=now - timedelta(days=day),
        )
        for day in range(1, DAYS_OF_HONEST)
        for number in range(HONEST_A_DAY)
        for model in ("ok", DEAR)
    )


async def poison(stack: Stack) -> None:
    """Praise the dear model and run the other down: one person without end, several as they are told."""
    rng = random.Random(len(stack.seen))
    async with aiohttp.ClientSession(timeout=_SECONDS) as session:
        for model, stars in ((DEAR, 5), ("ok", 1)):
            one = await _ask_many(session, stack, model, REQUESTS_OF_ONE, rng)
            for turn in range(RATINGS_OF_ONE):
                await _rate_all(session, stack, one, "mallory", stars, turn)
            for number in range(SYBILS):
                theirs = await _ask_many(session, stack, model, REQUESTS_OF_EACH, rng)
                await _rate_all(session, stack, theirs, f"sybil {number}", stars, 0)


async def _ask_many(
    session: aiohttp.ClientSession, stack: Stack, model: str, count: int, rng: random.Random
) -> list[Seen]:
    asking = (
        load.ask(session, stack.urls[number % 2], stack.clients[0], model=model, nonce=str(rng.getrandbits(64)))
        for number in range(count)
    )
    asked = await asyncio.gather(*asking)
    stack.seen += asked
    return asked


async def _rate_all(
    session: aiohttp.ClientSession, stack: Stack, asked: Sequence[Seen], user: str, stars: int, turn: int
) -> None:
    client = stack.clients[0]
    for number, seen in enumerate(asked):
        given: dict[str, Any] = {"request_id": seen.request_id, "user_id": user, "stars": stars}
        key = f"{user} {turn} {seen.request_id}"
        url = stack.urls[number % 2]
        rated = await ratings.rate(session, url, client.secret, team_id=client.team_id, key=key, **given)
        if rated.status not in (200, 429):
            stack.problems.append(f"a rating was answered {rated.status} {rated.answer}")


async def nothing_learned(stack: Stack) -> None:
    """Retrainings that change nothing: after the burst, and where staff let it pass and it looks spread over days."""
    secret = await asyncio.to_thread(_admin_key, stack.clients[0])
    await asyncio.sleep(KNOWN_SECONDS)
    await _retrain_in_vain(stack, secret, "vote_anomaly")
    await asyncio.to_thread(_spread)
    await _retrain_in_vain(stack, secret, "vote_dispute")


async def _retrain_in_vain(stack: Stack, secret: str, kind: str) -> None:
    """Retrain, see that nothing is changed and an alert of this kind raised, and resolve it as staff may."""
    report = await _retrain(stack, secret)
    if report.get("total_changes") != 0:
        stack.problems.append(f"poisoned ratings changed what is routed: {report}")
    raised = await asyncio.to_thread(_resolve)
    if raised != {kind}:
        stack.problems.append(f"poisoned ratings raised alerts {sorted(raised)}, not {kind}")


def _spread() -> None:
    """Let the false ratings have come a few a day, so that there was no burst of them."""
    from feedback.models import ResponseFeedback

    false = ResponseFeedback.objects.filter(Q(user_id="mallory") | Q(user_id__startswith="sybil "))
    ids = list(false.order_by("id").values_list("id", flat=True))
    for day in range(1, DAYS_OF_HONEST):
        earlier = {name: F(name) - timedelta(days=day) for name in ("created_at", "requested_at")}
        ResponseFeedback.objects.filter(id__in=ids[day :: DAYS_OF_HONEST - 1]).update(**earlier)


async def _retrain(stack: Stack, secret: str) -> dict[str, Any]:
    address, headers = f"{stack.urls[0]}/admin/learning/retrain?dry_run=false", {"Authorization": f"Bearer {secret}"}
    async with (
        aiohttp.ClientSession(timeout=_SECONDS, headers=headers) as session,
        session.post(address) as response,
    ):
        found: dict[str, Any] = await response.json()
        return found


def _admin_key(client: Client) -> str:
    from accounts.models import Team
    from accounts.services import api_keys, config_version

    issued = api_keys.issue(team=Team.objects.get(id=client.team_id), name="for learning", scopes=["admin"])
    config_version.bump()
    return issued.secret


def _resolve() -> set[str]:
    """Resolve what freezes a pattern, as staff do who see nothing wrong; return of which kinds that was."""
    from learning.models import LearningAlert
    from learning.services import alerts
    from routing.services import database_clock

    open_ones = list(LearningAlert.objects.filter(kind__in=LearningAlert.FREEZING, resolved_at=None))
    for alert in open_ones:
        alerts.resolve(alert, actor="faults", now=database_clock.now())
    return {alert.kind for alert in open_ones}


_BY_FIVE = Cell(
    "F1",
    "ratings that praise a dear model and run a cheap one down",
    Plan(models=("ok",), concurrency=4, seconds=20.0, rated_share=0.0),
    poison,
    expect=(good_ones_served,),
    prepare=remember_honest_ratings,
    finish=nothing_learned,
    settings={"LEARNING_MIN_DISTINCT_USERS": "5"},
)
# As an installation is set up: the ratings of one person may be enough.
_BY_ONE = replace(_BY_FIVE, name="F1b", title="the same where ratings of one person are enough", settings={})
CELLS = (_BY_FIVE, _BY_ONE)
