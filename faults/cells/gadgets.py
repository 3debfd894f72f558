"""F3: prompts that are dressed up to be sent to a dear model."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence

import aiohttp

from faults import load
from faults.cell import Cell
from faults.load import Client, Plan
from faults.stack import INPUT_NANO_USD, OUTPUT_NANO_USD, Stack

MIDDLING, DEAR = "middling", "dear"
# By how much they cost more than the model that plain questions are sent to.
MIDDLING_TIMES, DEAR_TIMES = 3, 50
KNOWN_SECONDS = 2.0
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
# Another team's limit on upgrades, from how many requests on it acts, and how many it is attacked with.
LIMIT_PERCENT, ACTS_AFTER, CAPPED_ATTACKS = 40, 20, 60
# All before it acts, and those that it leaves room for until the last: the 50th, 53rd, 55th, 58th and 60th.
MOST_UPGRADES = ACTS_AFTER - 1 + 5
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


async def leave_room_for_some(stack: Stack) -> None:
    """Offer the dear model; the first team has a budget for some of its answers, the third a limit on upgrades."""
    await asyncio.to_thread(_limit_upgrades, stack.clients)
    await offer_dear_models(stack)
    await asyncio.to_thread(_limit, stack.clients[0])


def _limit_upgrades(clients: Sequence[Client]) -> None:
    from accounts.models import Team

    for client, percent in zip(clients, (100, 100, LIMIT_PERCENT, 100), strict=True):
        Team.objects.filter(id=client.team_id).update(upgrade_limit_percent=percent)


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
        await _send_beyond_the_limit(session, stack)


async def _send_beyond_the_limit(session: aiohttp.ClientSession, stack: Stack) -> None:
    """Attack the team with a limit on upgrades: its share is served by the dear model, the rest by the usual one."""
    client = stack.clients[2]
    told = Counter(
        [await _served(session, stack, client, f"beyond {number} {ALL_SIGNS}") for number in range(CAPPED_ATTACKS)]
    )
    dear, usual = told["200 dear"], told[f"200 {MIDDLING}"]
    if not 0 < dear <= MOST_UPGRADES or dear + usual != CAPPED_ATTACKS:
        stack.problems.append(f"of {CAPPED_ATTACKS} prompts, {MOST_UPGRADES} upgrades at most, were answered {told}")
    if await _served(session, stack, client, PLAIN.format("the attacked")) != "200 ok":
        stack.problems.append("a plain question of the attacked team was not answered as ever")


async def _served(session: aiohttp.ClientSession, stack: Stack, client: Client, content: str) -> str:
    """Return the status and the model that answered."""
    body = {"model": "auto", "messages": [{"role": "user", "content": f"{client.canary} {content}"}], "max_tokens": 200}
    headers = {"Authorization": f"Bearer {client.secret}"}
    async with session.post(stack.urls[0] + load.PATH, json=body, headers=headers) as response:
        await response.read()
        return f"{response.status} {response.headers.get('x-optimizer-model', '').rpartition('/')[2]}"


async def told_and_capped(stack: Stack) -> None:
    """Spent budget and limit raise their alerts, others never paid, and a team's rule ends upgrades in a second."""
    client, other, limited = stack.clients[:3]
    stack.problems += await asyncio.to_thread(lambda: list(_told(client, limited)))
    await asyncio.to_thread(_leave_dear_out, other)
    await asyncio.sleep(KNOWN_SECONDS)
    async with aiohttp.ClientSession(timeout=_SECONDS) as session:
        after = {await _served(session, stack, other, f"after {number} {ALL_SIGNS}") for number in range(5)}
    if after != {f"200 {MIDDLING}"}:
        stack.problems.append(f"with a rule that leaves the dear model out, prompts were answered {sorted(after)}")


def _told(client: Client, limited: Client) -> Iterator[str]:
    from monitoring.models import Alert, AlertRule
    from monitoring.services import alerts
    from routing.models import LedgerEntry
    from routing.services import database_clock

    AlertRule.objects.filter(slug="budget-nearly-spent").update(hold_seconds=0)
    for _ in range(2):
        alerts.evaluate(now=database_clock.now())
    firing = Alert.objects.filter(state=Alert.State.FIRING)
    if not firing.filter(rule__slug="budget-nearly-spent").exists():
        yield "a budget that gadgets have spent raised no alert"
    held_back = list(firing.filter(rule__slug="upgrades-capped").values_list("subject", flat=True))
    if held_back != [f"team {limited.team_id}"]:
        yield f"the limit on upgrades of team {limited.team_id} raised alerts {held_back}"
    dear = LedgerEntry.objects.filter(served_model=DEAR)
    paid = set(dear.values_list("team_id", flat=True))
    if paid != {client.team_id, limited.team_id}:
        yield f"teams {sorted(paid)} were served by the dear model"
    capped = LedgerEntry.objects.filter(strategy="capped")
    instead = set(capped.values_list("team_id", "served_model"))
    upgrades = dear.filter(team_id=limited.team_id).count()
    if instead != {(limited.team_id, MIDDLING)} or capped.count() + upgrades != CAPPED_ATTACKS:
        yield f"the ledger has {capped.count()} capped rows of {sorted(instead)}, and {upgrades} upgrades"


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
        "F3",
        "prompts dressed up to be sent to a dear model",
        Plan(models=("ok",), concurrency=4, seconds=14.0),
        send_gadgets,
        prepare=leave_room_for_some,
        finish=told_and_capped,
        settings={"UPGRADE_LIMIT_AFTER": str(ACTS_AFTER)},
    ),
)
