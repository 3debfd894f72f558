"""C: providers refuse, break, stall, cut off, lie about usage and send what is too much."""

import asyncio
import time
from collections.abc import Iterator

import aiohttp

from faults.cell import Cell
from faults.evidence import Evidence
from faults.load import Plan
from faults.stack import Stack

# What begins while no provider is there has its tries behind it by then, also on a busy machine.
_TOLD_WITHIN_SECONDS = 4.0
# A second is promised; a request that had been read before and waited for its turn is not counted against it.
_SWITCHED_WITHIN_SECONDS = 1.0


def good_ones_served(found: Evidence) -> Iterator[str]:
    """A provider that fails takes nothing from the others."""
    good = [seen for seen in found.seen if seen.model == "ok"]
    refused = [seen.told for seen in good if not seen.is_whole]
    if refused:
        yield f"{len(refused)} of {len(good)} requests to a sound provider were not answered: {refused[:3]}"


def bad_ones_not_served(found: Evidence) -> Iterator[str]:
    """What is no answer is not handed on as one."""
    served = [seen.model for seen in found.seen if seen.model != "ok" and seen.is_whole]
    if served:
        yield f"{len(served)} answers that are none look complete: {sorted(set(served))}"


def text_kept(found: Evidence) -> Iterator[str]:
    """Odd characters in an answer reach the client."""
    odd = [seen for seen in found.seen if seen.model != "ok"]
    refused = [seen.told for seen in odd if not seen.is_whole]
    if refused:
        yield f"{len(refused)} of {len(odd)} answers with odd characters did not arrive: {refused[:3]}"


def absurd_usage_flagged(found: Evidence) -> Iterator[str]:
    """A count that cannot be is neither billed as told nor silently dropped."""
    absurd = [
        row for row, attempt in found.attempts() if attempt["model"] in ("negative_usage", "huge_usage", "nan_usage")
    ]
    if not absurd:
        yield "no provider told an absurd usage"
    plain = [row["request_id"] for row in absurd if row["state"] == "settled" and not row["flags"]]
    if plain:
        yield f"{len(plain)} rows of absurd usage carry no flag: {plain[:3]}"


async def refuse_all(stack: Stack) -> None:
    await asyncio.to_thread(stack.upstream_proxy.refuse)


async def heal_all(stack: Stack) -> None:
    await asyncio.to_thread(stack.upstream_proxy.heal)


def all_refused_meanwhile(found: Evidence) -> Iterator[str]:
    """Without any provider, requests are answered 503; afterwards they are served again."""
    during = [seen for seen in found.seen if found.harmed_at + 0.5 < seen.began_at < found.healed_at - 2.0]
    others = sorted({seen.told for seen in during if seen.status != 503})
    if not during or others:
        yield f"{len(during)} requests while no provider was there, of which not refused with 503: {others[:5]}"
    late = [f"{seen.seconds:.1f} s" for seen in during if seen.seconds > _TOLD_WITHIN_SECONDS]
    if late:
        yield f"{len(late)} refusals took longer than {_TOLD_WITHIN_SECONDS:g} s: {late[:3]}"
    if not any(seen.is_whole for seen in found.seen if seen.began_at > found.healed_at):
        yield "nothing was served when the providers were back"


async def switch_off(stack: Stack) -> None:
    """Switch learned routing off, and ask each replica until it says so."""
    from django.utils import timezone

    from accounts.services import features

    await asyncio.to_thread(
        lambda: features.disable("learned_routing", reason="a test", actor="faults", now=timezone.now())
    )
    switched_at = time.monotonic()
    took = await asyncio.gather(*(_seconds_until_off(stack, url, switched_at) for url in stack.urls))
    late = [f"{seconds:.1f} s" for seconds in took if seconds > _SWITCHED_WITHIN_SECONDS]
    if late:
        stack.problems.append(f"learned routing was switched off and still used after {', '.join(late)}")


async def _seconds_until_off(stack: Stack, url: str, switched_at: float) -> float:
    """Return how long after the switch the last request began that was still routed by what is off."""
    last = 0.0
    headers = {"Authorization": f"Bearer {stack.clients[0].secret}"}
    async with aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=20)) as session:
        for number in range(60):
            began_at = time.monotonic() - switched_at
            body = {
                "prompt": f"What is {number} and {number}, asked of {url}?",
                "strategy": "learning",
                "max_tokens": 10,
            }
            async with session.post(f"{url}/complete", json=body) as response:
                answer = await response.json()
            if response.status != 200:
                stack.problems.append(f"the replica answered {response.status} while the switch was flipped: {answer}")
            elif not answer["reasoning"].startswith("learned routing is off"):
                last = began_at
            await asyncio.sleep(0.05)
    return last


async def change_prices(stack: Stack) -> None:
    """Double every price while requests are under way."""
    from django.db.models import F

    from accounts.services import config_version
    from routing.models import ModelPrice

    def double() -> None:
        ModelPrice.objects.update(
            input_usd_per_mtok=F("input_usd_per_mtok") * 2, output_usd_per_mtok=F("output_usd_per_mtok") * 2
        )
        config_version.bump()

    await asyncio.to_thread(double)


def both_prices_billed(found: Evidence) -> Iterator[str]:
    """There are rows at either price; else nothing was under way when it changed."""
    rates = {row["price_snapshot"]["input_usd_per_mtok"] for row in found.rows if row["state"] == "settled"}
    if len(rates) != 2:
        yield f"rows were billed at the rates {sorted(rates)}, not at two"


async def absurd_usage_told(stack: Stack) -> None:
    """Counts that cannot be raise their alert."""
    stack.problems += await asyncio.to_thread(lambda: list(_not_told()))


def _not_told() -> Iterator[str]:
    from monitoring.models import Alert, AlertRule
    from monitoring.services import alerts
    from routing.services import database_clock

    AlertRule.objects.filter(slug="usage-clamped").update(hold_seconds=0)
    alerts.evaluate(now=database_clock.now())
    if not Alert.objects.filter(kind="usage-clamped", state=Alert.State.FIRING).exists():
        yield "counts of tokens that cannot be raised no alert"


def _plan(*models: str, share_of_sound: int = 1) -> Plan:
    return Plan(models=("ok",) * share_of_sound * len(models) + models)


CELLS = (
    Cell(
        "C1",
        "429, with and without Retry-After",
        _plan("429", "429_retry_after", "429_retry_after:9999", "429_retry_after:-5"),
        expect=(good_ones_served, bad_ones_not_served),
    ),
    Cell("C2", "500, 503", _plan("500", "503", "503_then_ok"), expect=(good_ones_served,)),
    Cell("C3", "no answer, slow first byte", _plan("timeout", "slow_first"), expect=(good_ones_served,)),
    Cell("C4", "streams that stall", _plan("stall_mid", "drip_mid"), expect=(good_ones_served,)),
    Cell(
        "C5",
        "streams cut, broken by an error, without an end",
        _plan("cut_mid", "error_event_mid", "no_done", "dup_done"),
        expect=(good_ones_served,),
    ),
    Cell(
        "C6",
        "200 with an error, HTML, nonsense",
        _plan("200_with_error", "html_200", "malformed_json", "wrong_type"),
        expect=(good_ones_served, bad_ones_not_served),
    ),
    Cell(
        "C7",
        "usage missing, zero, negative, huge, NaN",
        _plan("missing_usage", "zero_usage", "negative_usage", "huge_usage", "nan_usage"),
        expect=(good_ones_served, absurd_usage_flagged),
        finish=absurd_usage_told,
    ),
    Cell(
        "C8a",
        "gzip bomb, 10 MB line, redirect",
        _plan("gzip_bomb", "10mb_line", "redirect", share_of_sound=3),
        expect=(good_ones_served,),
    ),
    Cell(
        "C8b",
        "NUL and lone surrogates in answers",
        _plan("nul_text", "surrogate_text"),
        expect=(good_ones_served, text_kept),
    ),
    Cell(
        "C9",
        "prices change in flight",
        Plan(models=("ok", "slow_chunk", "slow_ok_300")),
        change_prices,
        expect=(good_ones_served, both_prices_billed),
    ),
    Cell(
        "C10a",
        "all providers refuse",
        # Their breakers stay open for fifteen seconds.
        Plan(models=("ok", "auto"), seconds=28.0),
        refuse_all,
        heal_all,
        (all_refused_meanwhile,),
    ),
    Cell("C10b", "kill switch during load", Plan(models=("ok", "auto")), switch_off, expect=(good_ones_served,)),
)
