"""``python -m tests.fuzz --minutes N --seed S``: throws damaged bodies at the gateway's JSON entry until time is up.

The same seed makes the same bodies. Prints what became of them; exits with 1 and the body when one was not handled.
"""

import argparse
import os
import sys
import tempfile
import time
from collections import Counter

import django
from hypothesis import HealthCheck, Phase, given, seed, settings

ROUND_EXAMPLES = 1000
SLOW_SECONDS = 1.0


class Slow(AssertionError):
    """A body took more processor time than any may."""


def run(minutes: float, first_seed: int) -> Counter[str]:
    """Fuzz in rounds, each with a seed of its own, and count the outcomes; raises the first finding, reduced."""
    from tests.fuzz.entry import enter
    from tests.fuzz.mutations import raw_bodies

    outcomes: Counter[str] = Counter()

    def body_is_handled(raw: bytes) -> None:
        started = time.process_time()
        outcomes[enter(raw).value] += 1
        if time.process_time() - started > SLOW_SECONDS:
            raise Slow(f"{len(raw)} bytes took more than {SLOW_SECONDS:g} s")

    deadline = time.monotonic() + minutes * 60
    number = first_seed
    while time.monotonic() < deadline:
        attempt = settings(
            max_examples=ROUND_EXAMPLES,
            deadline=None,
            database=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        )(given(raw_bodies())(body_is_handled))
        seed(number)(attempt)()
        outcomes["rounds"] += 1
        number += 1
    return outcomes


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5, help="how long to go on; 5 unless given")
    parser.add_argument("--seed", type=int, default=1, help="of the first round; each further round adds one")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as data_dir:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "optimizer_project.settings")
        os.environ |= {"ENVIRONMENT": "test", "DATA_DIR": data_dir, "DATABASE_URL": "", "REDIS_URL": ""}
        django.setup()
        try:
            outcomes = run(arguments.minutes, arguments.seed)
        except Exception as finding:
            print(f"FINDING {type(finding).__name__}: {finding}", *getattr(finding, "__notes__", ()), sep="\n")  # noqa: T201
            return 1
    print(", ".join(f"{count:,} {name}" for name, count in sorted(outcomes.items())), "and no finding")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
