"""`make bench-savings`: how long `manage.py savings_report` takes over a large log, and how much memory.

The log is made up: rows as LiteLLM writes them, of five models, with prompt caches, 1.4 kB each.
"""

import argparse
import json
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.peers import plain_environment

_ROOT = Path(__file__).resolve().parent.parent
_SEED = 7
_BEGINS = datetime(2026, 9, 1, tzinfo=UTC)
_SPAN = timedelta(days=45)


class _Kind(NamedTuple):
    """A model as the log names it, its share of the traffic, and LiteLLM's rates for it in dollars per million."""

    name: str
    provider: str
    group: str
    weight: int
    sent: float
    cached: float
    generated: float


_KINDS = (
    _Kind("gpt-4o-2024-08-06", "openai", "gpt-4o", 40, 2.5, 1.25, 10),
    _Kind("gpt-4o-mini", "openai", "gpt-4o-mini", 25, 0.15, 0.075, 0.6),
    _Kind("claude-sonnet-4-5-20250929", "anthropic", "claude-sonnet", 20, 3, 0.3, 15),
    _Kind("gpt-4-turbo", "azure", "gpt-4-turbo", 5, 10, 10, 30),
    _Kind("gemini/gemini-2.5-pro", "gemini", "gemini-pro", 10, 1.25, 0.3125, 10),
)


def rows(number: int) -> Iterator[dict[str, Any]]:
    """Yield rows of ``LiteLLM_SpendLogs``, the same for the same number."""
    rng = random.Random(_SEED)
    for place in range(number):
        kind = rng.choices(_KINDS, [each.weight for each in _KINDS])[0]
        sent, generated = int(rng.lognormvariate(7, 1)), int(rng.lognormvariate(5.2, 0.8))
        cached = sent * rng.choice((0, 0, 0, 5)) // 10
        spend = ((sent - cached) * kind.sent + cached * kind.cached + generated * kind.generated) / 1e6
        begins = (_BEGINS + _SPAN * place / number).isoformat()
        details = {
            "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": None},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": None},
        }
        counts = {"total_tokens": sent + generated, "prompt_tokens": sent, "completion_tokens": generated}
        yield {
            "request_id": f"chatcmpl-{place:08x}-{rng.getrandbits(64):016x}",
            "call_type": "acompletion",
            "api_key": "88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b",
            "spend": spend,
            **counts,
            "startTime": begins,
            "endTime": begins,
            "completionStartTime": begins,
            "model": kind.name,
            "model_id": "5a1c5be0d0c1",
            "model_group": kind.group,
            "custom_llm_provider": kind.provider,
            "api_base": "https://api.example.com/v1",
            "user": "default_user_id",
            "metadata": {
                "status": "success",
                "user_api_key_alias": "web",
                "user_api_key_team_alias": rng.choice(("search", "support")),
                "usage_object": {**counts, **details},
                "additional_usage_values": details,
                "cost_breakdown": {"total_cost": spend, "input_cost": 0.0, "output_cost": 0.0},
            },
            "cache_hit": "False",
            "cache_key": "Cache OFF",
            "request_tags": ["User-Agent: python-httpx", "web"],
            "team_id": "d3f1c9a2",
            "end_user": "",
            "requester_ip_address": "10.0.0.1",
            "messages": {},
            "response": {},
            "session_id": f"{rng.getrandbits(128):032x}",
            "status": "success",
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--keep", type=Path, metavar="PAGE", help="keep the HTML report there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-savings-") as folder:
        log, page = Path(folder) / "spend-logs.jsonl", Path(folder) / "savings-report.html"
        with log.open("w") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows(options.rows))
        _manage("optimizer", "setup", "--no-demo-team", data_dir=log.parent, output=subprocess.DEVNULL)
        began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        _manage("savings_report", str(log), "--html", str(page), data_dir=log.parent, output=None)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(
            f"\n{options.rows:,} rows, {log.stat().st_size / 1e6:,.0f} MB: {time.monotonic() - began:.0f} s, of which "
            f"{seconds:.0f} s on the CPU; largest process {after.ru_maxrss / 1024:.0f} MiB; "
            f"page of {page.stat().st_size / 1024:.0f} KiB"
        )
        if options.keep:
            shutil.copy(page, options.keep)


def _manage(*arguments: str, data_dir: Path, output: int | None) -> None:
    subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=_ROOT,
        env={**plain_environment(), "ENVIRONMENT": "development", "DATA_DIR": str(data_dir)},
        check=True,
        stdout=output,
    )


if __name__ == "__main__":
    main()
