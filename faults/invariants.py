"""What must hold after every cell, whatever happened. Each returns what is wrong, in words."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from faults import ratings
from faults.evidence import Evidence
from faults.load import LONGEST_SECONDS, Seen
from faults.stack import PROVIDER_KEY_CANARY, SECRET_KEY
from tests.fake_upstream.tally import Exchange

_NANO_USD_PER_USD_PER_MTOK = 1000
HEALTHY_WITHIN_SECONDS = 5.0
MORE_FILES, MORE_THREADS, MORE_MEBIBYTES = 24, 12, 60.0
_TOLD_AT_MOST = 3


def ledger(found: Evidence) -> Iterator[str]:
    """I1: every exchange is in the ledger once, every complete answer has a settled row, nothing is left open."""
    recorded = Counter(attempt["attempt_id"] for _, attempt in found.attempts())
    sent = {exchange.attempt_id for exchange in found.exchanges}
    yield from _told("exchange is not in the ledger", sorted(sent - recorded.keys()))
    yield from _told("attempt is in the ledger more than once", [name for name, count in recorded.items() if count > 1])
    unsent = [
        attempt["attempt_id"]
        for _, attempt in found.attempts()
        if attempt["attempt_id"] not in sent and attempt["state"] == "succeeded"
    ]
    yield from _told("attempt that succeeded never reached the provider", unsent)
    rows = {row["request_id"]: row for row in found.rows}
    whole = [seen for seen in found.seen if seen.is_whole and not seen.is_replay]
    yield from _told(
        "complete answer without its settled row",
        [seen.request_id for seen in whole if rows.get(seen.request_id, {}).get("state") != "settled"],
    )
    yield from _told("row is still pending", [row["request_id"] for row in found.rows if row["state"] == "pending"])


def money(found: Evidence) -> Iterator[str]:
    """I2: what is settled costs what the provider counted at the stored price; the rest is flagged and reserved."""
    exchanges = {exchange.attempt_id: exchange for exchange in found.exchanges}
    wrong = []
    for row, attempt in found.attempts():
        exchange = exchanges.get(attempt["attempt_id"])
        if problem := _price_problem(row, attempt, exchange):
            wrong.append(f"{attempt['attempt_id']} ({attempt['model']}, {attempt['state']}): {problem}")
    yield from _told("attempt is priced wrongly", wrong)
    sums = [
        row["request_id"]
        for row in found.rows
        if row["cost_nano_usd"] is not None
        and row["cost_nano_usd"] != sum(attempt.get("cost_nano_usd") or 0 for attempt in row["attempts"])
    ]
    yield from _told("row does not cost what its attempts do", sums)


def budget(found: Evidence) -> Iterator[str]:
    """I3: no sample is over its limit, nothing stays reserved, and budgets have spent what the ledger says."""
    over = [f"period {period}: {used} of {limit}" for period, used, limit in found.budgets if used > limit]
    yield from _told("sample of a budget is over its limit", over)
    spent: Counter[int] = Counter()
    for row in found.rows:
        spent[row["team_id"]] += row["cost_nano_usd"] or 0
    for period in found.periods:
        if period["reserved_nano_usd"]:
            yield f"{period['reserved_nano_usd']} nano-dollars of team {period['team_id']} are still reserved"
        if period["spent_nano_usd"] != spent[period["team_id"]]:
            yield (
                f"the budget of team {period['team_id']} has spent {period['spent_nano_usd']} nano-dollars, its rows "
                f"{spent[period['team_id']]}"
            )


def idempotency(found: Evidence) -> Iterator[str]:
    """I4: one key, one answer, and one request that is billed for it, also where the client asked again."""
    answers: dict[tuple[int, str], set[bytes]] = {}
    for seen in found.seen:
        if seen.idempotency_key and seen.is_whole:
            answers.setdefault((seen.client.team_id, seen.idempotency_key), set()).add(seen.body)
    yield from _told("key was answered in two ways", [key for (_, key), bodies in answers.items() if len(bodies) > 1])
    # No prompt is sent twice but under one key.
    billed = {exchange.attempt_id for exchange in found.exchanges if exchange.is_billed}
    charged: dict[tuple[int, str], list[str]] = {}
    for row in found.rows:
        if any(attempt["attempt_id"] in billed for attempt in row["attempts"]):
            charged.setdefault((row["team_id"], row["prompt_fingerprint"]), []).append(row["request_id"])
    yield from _told(
        "prompt was sent to the provider for more than one request",
        [" and ".join(requests) for requests in charged.values() if len(requests) > 1],
    )


def feedback(found: Evidence) -> Iterator[str]:
    """I5: a rating that was taken is stored once, one that was refused is not, and only a team's own count, once."""
    yield from ratings.problems(found.ratings, found.stored, found.counted)


def policy(found: Evidence) -> Iterator[str]:
    """I6: load and faults alone never change which policy routes."""
    if found.policies_changed:
        yield f"{found.policies_changed} policies were activated"


def tenancy(found: Evidence) -> Iterator[str]:
    """I7: what one team says is seen by no other."""
    for client in found.clients:
        foreign = [seen for seen in found.seen if seen.client.slug != client.slug]
        crossed = [seen.request_id for seen in foreign if client.canary.encode() in seen.body]
        yield from _told(f"answer to another team names {client.canary}", crossed)


def secrets(found: Evidence) -> Iterator[str]:
    """I8: no key in an answer, a log or the database; no prompt in a log or the database."""
    hidden = {"a provider's key": PROVIDER_KEY_CANARY, "the secret key": SECRET_KEY}
    hidden |= {f"the API key of {client.slug}": client.secret for client in found.clients}
    prompts = {f"a prompt of {client.slug}": client.canary for client in found.clients}
    for name, text in (hidden | prompts).items():
        if text in found.logs:
            yield f"{name} is in a log"
        if text in found.dump:
            yield f"{name} is in the database"
    for name, text in hidden.items():
        shown = [seen.request_id for seen in found.seen if text.encode() in seen.body or text in str(seen.headers)]
        yield from _told(f"answer shows {name}", shown)


def liveness(found: Evidence) -> Iterator[str]:
    """I9: every request ends, replicas stay alive, and are ready again five seconds after the fault."""
    stuck = [f"{seen.model} after {seen.seconds:.0f} s" for seen in found.seen if seen.seconds > LONGEST_SECONDS - 1]
    stuck += [f"a rating after {rated.seconds:.0f} s" for rated in found.ratings if rated.seconds > LONGEST_SECONDS - 1]
    yield from _told("request was not answered in time", stuck)
    lives = [probe for probe in found.probes if probe.path == "/health/live" and probe.port not in found.killed]
    dead = [f"{probe.status} on {probe.port}" for probe in lives if probe.status != 200]
    yield from _told("replica did not say it lives", dead)
    late = [
        probe
        for probe in found.probes
        if probe.path == "/health/ready" and probe.at > found.healed_at + HEALTHY_WITHIN_SECONDS
    ]
    unready = [f"{probe.status} on {probe.port}" for probe in late if probe.status != 200]
    yield from _told("replica was not ready again in time", unready)


def resources(found: Evidence) -> Iterator[str]:
    """I10: files, threads and memory come back to where they were."""
    for before, after in found.holdings:
        if not after.files or not before.files:
            continue
        if after.files > before.files + MORE_FILES:
            yield f"a replica holds {after.files} files, {before.files} before"
        if after.threads > before.threads + MORE_THREADS:
            yield f"a replica has {after.threads} threads, {before.threads} before"
        if after.mebibytes > before.mebibytes + MORE_MEBIBYTES:
            yield f"a replica takes {after.mebibytes:.0f} MiB, {before.mebibytes:.0f} before"


def contract(found: Evidence) -> Iterator[str]:
    """I11: errors are JSON in OpenAI's shape, say when to come back, and a broken stream never looks complete."""
    wrong = []
    for seen in found.seen:
        if seen.status is None:
            continue
        problem = _stream_problem(seen) if seen.status == 200 else _error_problem(seen)
        if problem:
            wrong.append(f"{seen.model} {seen.status}: {problem}")
    yield from _told("answer breaks the contract", wrong)


def inputs(found: Evidence) -> Iterator[str]:
    """I12: nothing a client sends is an error of ours."""
    yield from _told("answer is a 500", [seen.request_id for seen in found.seen if seen.status == 500])
    yield from _told("rating was answered 500", [rated.request_id for rated in found.ratings if rated.status == 500])


ALL: dict[str, Callable[[Evidence], Iterator[str]]] = {
    "I1": ledger,
    "I2": money,
    "I3": budget,
    "I4": idempotency,
    "I5": feedback,
    "I6": policy,
    "I7": tenancy,
    "I8": secrets,
    "I9": liveness,
    "I10": resources,
    "I11": contract,
    "I12": inputs,
}


def check(found: Evidence) -> list[str]:
    """Return all that is wrong, each with the number of the invariant."""
    return [f"{name}: {problem}" for name, invariant in ALL.items() for problem in invariant(found)]


def _price_problem(row: dict[str, Any], attempt: dict[str, Any], exchange: Exchange | None) -> str:
    cost = attempt.get("cost_nano_usd")
    if attempt["state"] == "pending":
        return "it is still pending"
    if attempt.get("is_estimated"):
        is_counted = (
            exchange is not None and exchange.usage in ("missing", "garbage") and attempt["state"] == "succeeded"
        )
        return "" if is_counted or cost == attempt["reserved_nano_usd"] else f"{cost} is not its reservation"
    if exchange is None:
        return "" if not cost else f"{cost} for what was never sent"
    if not exchange.is_billed:
        return "" if not cost else f"{cost} for what the provider does not bill"
    if attempt["state"] != "succeeded":
        return "it was billed, is no success, and is not estimated"
    if exchange.usage == "garbage":
        return "" if "usage_clamped" in row["flags"] else "its count cannot be, and is not flagged"
    expected = _price(exchange, row["price_snapshot"])
    return "" if cost == expected else f"{cost} where the provider's count makes {expected}"


def _price(exchange: Exchange, rates: dict[str, str]) -> int:
    usd_per_mtok = exchange.prompt_tokens * Decimal(rates["input_usd_per_mtok"])
    usd_per_mtok += exchange.completion_tokens * Decimal(rates["output_usd_per_mtok"])
    return int(usd_per_mtok * _NANO_USD_PER_USD_PER_MTOK)


def _error_problem(seen: Seen) -> str:
    if seen.error:
        # Cut while it came: there is no whole body to judge.
        return ""
    try:
        body = json.loads(seen.body)
    except ValueError:
        return "it is no JSON"
    if not isinstance(body, dict) or set(body.get("error") or {}) != {"message", "type", "code", "param"}:
        return "it has not the shape of an error"
    if seen.status == 401:
        return "a failure of ours is called a bad key"
    if seen.status in (429, 503) and not seen.headers.get("retry-after", "").isdigit():
        return "it does not say when to come back"
    return ""


def _stream_problem(seen: Seen) -> str:
    if not seen.is_stream or "text/event-stream" not in seen.headers.get("content-type", ""):
        return ""
    events = seen.events()
    has_error = any("error" in event for event in events if isinstance(event, dict))
    if has_error and seen.body.rstrip().endswith(b"[DONE]"):
        return "a stream that broke ends in [DONE]"
    if not has_error and not seen.is_whole and not seen.error:
        return "a stream ended neither well nor with an error"
    return ""


def _told(what: str, cases: list[str]) -> Iterator[str]:
    if cases:
        more = f" and {len(cases) - _TOLD_AT_MOST} more" if len(cases) > _TOLD_AT_MOST else ""
        yield f"{len(cases)} x {what}: {', '.join(map(str, cases[:_TOLD_AT_MOST]))}{more}"
