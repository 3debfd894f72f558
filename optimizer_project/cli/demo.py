"""Sends a few prompts of every kind through a running server, rates the answers, and shows what routing made of them.

Where only models that run beside the product would answer, it costs nothing. Where real providers would, it says what
they are expected to charge and asks nothing of them without --yes. Within a day the same prompts are answered from what
was answered before, at no further cost, and their ratings count once.
"""

import argparse
import hashlib
import secrets
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import orjson
from django.core.management.base import CommandError

from optimizer_project.cli import api_client, progress
from optimizer_project.cli.arguments import add_json
from optimizer_project.cli.console import Console
from optimizer_project.cli.demo_prompts import PROMPTS, Prompt

NAME = "demo"
HELP = "send a few prompts through the running server and show what routing made of them"
_RIGHT_STARS, _WRONG_STARS = 5, 2
_SHOWN_CHARACTERS = 40


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--yes", action="store_true", help="ask real providers as well, which charge for it")
    parser.add_argument("--again", action="store_true", help="have everything answered anew")
    api_client.add_arguments(parser, timeout_seconds=300)
    add_json(parser)


def run(options: argparse.Namespace, console: Console) -> None:
    if not options.yes:
        _refuse_real_providers(options)
    salt = secrets.token_hex(8) if options.again else ""
    rows = []
    with progress.bar(len(PROMPTS), "demo", unit="prompt") as bar:
        for number, prompt in enumerate(PROMPTS, start=1):
            rows.append(_try(prompt, options, salt))
            bar.to(number)
    if options.json:
        console.json({"prompts": rows, **_totals(rows)})
    else:
        _show(rows, console)
        _tell_where_to_look(options, console)


def _refuse_real_providers(options: argparse.Namespace) -> None:
    """Raise CommandError where somebody would charge for the answers, saying who and how much."""
    decisions = [_preview(prompt, options) for prompt in PROMPTS]
    real = [decision for decision in decisions if not _is_stand_in(decision)]
    if not real:
        return
    asked = Counter(f"{decision['provider']}/{decision['model']}" for decision in real)
    cost = sum((Decimal(str(decision["expected_cost_usd"] or 0)) for decision in real), Decimal())
    raise CommandError(
        f"Real providers would answer: {', '.join(f'{name} ({count})' for name, count in asked.items())}, for about "
        f"{cost:.6f} USD in all. Nothing was sent. If that is what you want: manage.py optimizer demo --yes"
    )


def _preview(prompt: Prompt, options: argparse.Namespace) -> dict[str, Any]:
    found = api_client.get(options, "/routing/decision", prompt=prompt.text, auto_route="true")
    return _checked(found, options, "provider", "model", "candidates", "expected_cost_usd")


def _is_stand_in(decision: Mapping[str, Any]) -> bool:
    chosen = (decision["provider"], decision["model"])
    return any(one["simulated"] for one in decision["candidates"] if (one["provider"], one["model"]) == chosen)


def _try(prompt: Prompt, options: argparse.Namespace, salt: str) -> dict[str, Any]:
    """Have one prompt answered, and rate the answer; return what is shown of it."""
    body = dict(prompt.request)
    key = hashlib.sha256(orjson.dumps(body) + salt.encode()).hexdigest()[:32]
    try:
        found = api_client.post(options, "/complete", body, idempotency_key=f"demo-{key}")
    except api_client.Refused as error:
        again = " Ask for everything anew with: manage.py optimizer demo --again" if error.status == 409 else ""
        raise CommandError(f"“{_short(prompt.text)}” was not answered. {error}{again}") from error
    answer = _checked(found, options, "request_id", "response", "model", "reasoning")
    is_right = prompt.is_right(answer["response"])
    stars = None if is_right is None else _RIGHT_STARS if is_right else _WRONG_STARS
    if stars is not None:
        _rate(answer["request_id"], stars, is_right, options)
    return {
        "prompt": prompt.text,
        "request_id": answer["request_id"],
        "pattern": answer["pattern"],
        "complexity_score": answer["complexity_score"],
        "model": f"{answer['provider']}/{answer['model']}",
        "why": answer["reasoning"],
        "is_stand_in": bool(answer.get("simulated") or answer.get("embedded")),
        "cost_usd": _text(answer["cost"]),
        "baseline_model": answer.get("baseline_model"),
        "baseline_cost_usd": _text(answer["baseline_cost"]),
        "savings_usd": _text(answer["savings"]),
        "stars": stars,
    }


def _rate(request_id: str, stars: int, is_right: bool | None, options: argparse.Namespace) -> None:
    rating = {"request_id": request_id, "quality_score": stars, "is_correct": is_right, "user_id": "demo"}
    api_client.post(options, "/feedback", rating, idempotency_key=f"demo-{request_id}")


def _checked(found: Any, options: argparse.Namespace, *fields: str) -> dict[str, Any]:
    if not isinstance(found, dict) or any(field not in found for field in fields):
        raise CommandError(f"{options.url} did not answer as this product does: is it this server?")
    return found


def _totals(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "cost_usd": _sum(row["cost_usd"] for row in rows),
        "baseline_cost_usd": _sum(row["baseline_cost_usd"] for row in rows),
        "savings_usd": _sum(row["savings_usd"] for row in rows),
    }


def _show(rows: Sequence[Mapping[str, Any]], console: Console) -> None:
    console.table(
        ("", "prompt", "pattern", "complexity", "model", "cost, USD", "baseline, USD", "stars"),
        [
            (
                number,
                _short(row["prompt"]),
                row["pattern"],
                f"{row['complexity_score']:.2f}",
                row["model"],
                row["cost_usd"],
                row["baseline_cost_usd"],
                row["stars"],
            )
            for number, row in enumerate(rows, start=1)
        ],
    )
    console.line()
    for number, row in enumerate(rows, start=1):
        console.line(f"{number}. {row['why']}")
    console.line()
    totals = _totals(rows)
    baselines = ", ".join(sorted({row["baseline_model"] for row in rows if row["baseline_model"]})) or "not known"
    console.line(f"Cost         {totals['cost_usd']} USD")
    console.line(f"Baseline     {totals['baseline_cost_usd']} USD ({baselines})")
    console.line(f"Saved        {totals['savings_usd']} USD")
    if any(row["is_stand_in"] for row in rows):
        console.line(
            "Models that run beside the product answered: their amounts are notional, and in no sum of the reports. "
            "For real answers set a provider's key, such as OPENAI_API_KEY."
        )


def _tell_where_to_look(options: argparse.Namespace, console: Console) -> None:
    base = options.url.rstrip("/")
    console.line()
    console.line("Where to look now:")
    console.line(f"  {base}/dashboard/   live figures; {base}/admin/ has every request with its reason")
    console.line("  manage.py optimizer stats   what was spent and saved")
    console.line("  manage.py optimizer retrain   what the ratings would change")


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 1]}…"


def _text(amount: float | None) -> str | None:
    # The server writes exact decimals; the shortest text of the number that was read is that decimal again.
    return None if amount is None else f"{Decimal(str(amount)):f}"


def _sum(amounts: Iterable[str | None]) -> str:
    return f"{sum((Decimal(amount) for amount in amounts if amount is not None), Decimal()):f}"
