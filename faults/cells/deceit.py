"""F1 and F3: ratings that are to move routing, and prompts that are to be sent to a dear model."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import aiohttp

from faults import load, ratings
from faults.cell import Cell
from faults.cells.providers import good_ones_served
from faults.load import Client, Plan, Seen
from faults.stack import INPUT_NANO_USD, OUTPUT_NANO_USD, Stack

MIDDLING, DEAR = "middling", "dear"
# By how much they cost more than the model that plain questions are sent to.
MIDDLING_TIMES, DEAR_TIMES = 3, 50
KNOWN_SECONDS = 2.0
# One person who rates without end, and many who do as they are told.
REQUESTS_OF_ONE, RATINGS_OF_ONE = 12, 10
SYBILS, REQUESTS_OF_EACH = 8, 5
DAYS_OF_HONEST, HONEST_A_DAY = 20, 4
PLAIN = "What is the capital of country number {}?"
# Each overdoes one sign of complexity; none of them alone may send a plain question to the dear model.
GADGETS = (
    "prove " * 40,
    "design architecture analyze " * 20,
    "must never without at least exactly " * 20,
    "python sql docker function class " * 20,
    "first then next finally " * 30,
    "theorem matrix integral ∑ ∫ ∂ " * 20,
    "? " * 100,
    "- item\n" * 100,
    "```\n" * 50,
    "lorem ipsum " * 400,
)
ALL_SIGNS = " ".join(gadget[:60] for gadget in GADGETS) + "lorem ipsum " * 300
ATTACKS = 150
# The budget of the attacked team lasts for some of these.
ROOM_FOR = 20
_SECONDS = aiohttp.ClientTimeout(total=30)


async def offer_dear_models(stack: Stack) -> None:
    await asyncio.to_thread(_offer)
    await asyncio.sleep(KNOWN_SECONDS)


def _offer() -> None:
    from accounts.services import config_version
    from routing.models import LanguageModel, Provider
    from tests import factories

    provider, tier = Provider.objects.get(language_models__name="ok"), LanguageModel.Tier
    for name, fits, times in ((MIDDLING, tier.MODERATE, MIDDLING_TIMES), (DEAR, tier.COMPLEX, DEAR_TIMES)):
        model = factories.language_model(provider, name, upstream_name="ok", max_output_tokens=200, tier=fits)
        factories.price(model, *(f"{rate * times / 1000:.2f}" for rate in (INPUT_NANO_USD, OUTPUT_NANO_USD)))
    config_version.bump()


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
    """A retraining asked for after all that freezes the pattern, says so, and changes nothing."""
    secret = await asyncio.to_thread(_admin_key, stack.clients[0])
    await asyncio.sleep(KNOWN_SECONDS)
    address, headers = f"{stack.urls[0]}/admin/learning/retrain?dry_run=false", {"Authorization": f"Bearer {secret}"}
    async with (
        aiohttp.ClientSession(timeout=_SECONDS, headers=headers) as session,
        session.post(address) as response,
    ):
        report = await response.json()
    if report.get("total_changes") != 0:
        stack.problems.append(f"poisoned ratings changed what is routed: {report}")
    alerts = await asyncio.to_thread(_alerts)
    if not alerts:
        stack.problems.append("poisoned ratings raised no alert")


def _admin_key(client: Client) -> str:
    from accounts.models import Team
    from accounts.services import api_keys, config_version

    issued = api_keys.issue(team=Team.objects.get(id=client.team_id), name="for learning", scopes=["admin"])
    config_version.bump()
    return issued.secret


def _alerts() -> list[str]:
    from learning.models import LearningAlert

    open_ones = LearningAlert.objects.filter(kind=LearningAlert.Kind.VOTE_ANOMALY, resolved_at=None)
    return list(open_ones.values_list("pattern", flat=True))


async def leave_room_for_some(stack: Stack) -> None:
    """Offer the dear model, and give the first team a budget that lasts for some of its answers."""
    await offer_dear_models(stack)
    await asyncio.to_thread(_limit, stack.clients[0])


def _limit(client: Client) -> None:
    from accounts.models import Budget, BudgetPeriod, Team
    from accounts.services import budgets
    from routing.services import database_clock

    # Of the warm-up; a team that nobody has asked for yet has no period.
    period = BudgetPeriod.objects.filter(budget__team_id=client.team_id).first()
    used = period.spent_nano_usd + period.reserved_nano_usd if period else 0
    dearest = DEAR_TIMES * (1500 * INPUT_NANO_USD + 200 * OUTPUT_NANO_USD)
    budgets.set_budget(
        team=Team.objects.get(id=client.team_id),
        period=Budget.Period.DAY,
        limit_nano_usd=used + ROOM_FOR * dearest,
        today=database_clock.now().date(),
    )


async def send_gadgets(stack: Stack) -> None:
    """Send each gadget before a plain question, then all of them at once until the budget is spent."""
    client = stack.clients[0]
    async with aiohttp.ClientSession(timeout=_SECONDS) as session:
        plain = [await _served(session, stack, client, PLAIN.format(number)) for number in range(len(GADGETS))]
        moved = [await _served(session, stack, client, gadget + PLAIN.format(gadget[:5])) for gadget in GADGETS]
        if set(plain) != {"200 ok"} or not set(moved) <= {"200 ok", f"200 {MIDDLING}"}:
            stack.problems.append(f"plain questions were answered {Counter(plain)}, behind a gadget {Counter(moved)}")
        # All signs at once do, until the budget is spent.
        loud = [await _served(session, stack, client, f"{number} {ALL_SIGNS}") for number in range(ATTACKS)]
    told = Counter(loud)
    if not told["200 dear"] or not told["402 "]:
        stack.problems.append(f"prompts with every sign were answered {told}: they were to spend the budget")


async def _served(session: aiohttp.ClientSession, stack: Stack, client: Client, content: str) -> str:
    """Return the status and the model that answered."""
    body = {"model": "auto", "messages": [{"role": "user", "content": f"{client.canary} {content}"}], "max_tokens": 200}
    headers = {"Authorization": f"Bearer {client.secret}"}
    async with session.post(stack.urls[0] + load.PATH, json=body, headers=headers) as response:
        await response.read()
        return f"{response.status} {response.headers.get('x-optimizer-model', '').rpartition('/')[2]}"


async def told_and_capped(stack: Stack) -> None:
    """The spent budget raises its alert, others never paid, and a rule of the team ends the upgrades in a second."""
    client, other = stack.clients[:2]
    stack.problems += await asyncio.to_thread(lambda: list(_told(client)))
    await asyncio.to_thread(_leave_dear_out, other)
    await asyncio.sleep(KNOWN_SECONDS)
    async with aiohttp.ClientSession(timeout=_SECONDS) as session:
        after = {await _served(session, stack, other, f"after {number} {ALL_SIGNS}") for number in range(5)}
    if after != {f"200 {MIDDLING}"}:
        stack.problems.append(f"with a rule that leaves the dear model out, prompts were answered {sorted(after)}")


def _told(client: Client) -> Iterator[str]:
    from monitoring.models import Alert, AlertRule
    from monitoring.services import alerts
    from routing.models import LedgerEntry
    from routing.services import database_clock

    AlertRule.objects.filter(slug="budget-nearly-spent").update(hold_seconds=0)
    alerts.evaluate(now=database_clock.now())
    if not Alert.objects.filter(rule__slug="budget-nearly-spent", state=Alert.State.FIRING).exists():
        yield "a budget that gadgets have spent raised no alert"
    dear = LedgerEntry.objects.filter(served_model=DEAR)
    paid = set(dear.values_list("team_id", flat=True))
    if paid != {client.team_id}:
        yield f"teams {sorted(paid)} were served by the dear model"


def _leave_dear_out(client: Client) -> None:
    from accounts.models import Team
    from routing.domain.rule import Kind
    from routing.models import LanguageModel
    from routing.services import database_clock, team_rules

    model = LanguageModel.objects.select_related("provider").get(name=DEAR)
    wanted = team_rules.Wanted(Kind.EXCLUDE_MODEL, model=f"{model.provider.slug}/{model.name}")
    team = Team.objects.get(id=client.team_id)
    team_rules.add(wanted, team=team, actor="faults", reason="gadgets", now=database_clock.now())


CELLS = (
    Cell(
        "F1",
        "ratings that praise a dear model and run a cheap one down",
        Plan(models=("ok",), concurrency=4, seconds=20.0, rated_share=0.0),
        poison,
        expect=(good_ones_served,),
        prepare=remember_honest_ratings,
        finish=nothing_learned,
        settings={"LEARNING_MIN_DISTINCT_USERS": "5"},
    ),
    Cell(
        "F3",
        "prompts dressed up to be sent to a dear model",
        Plan(models=("ok",), concurrency=4, seconds=14.0),
        send_gadgets,
        prepare=leave_room_for_some,
        finish=told_and_capped,
    ),
)
