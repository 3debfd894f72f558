"""``python -m tests.fuzz --minutes N --seed S``: throws hostile input at the product until time is up.

``--what`` chooses among: ``bodies`` at the gateway's JSON entry; ``providers``, the answers and streams that each
adapter reads; ``operations``, every operation of the OpenAPI document, in this process, held against the document;
``guided``, every parser of a stranger's bytes, led by the coverage of what was tried before (``--targets`` chooses
among them, ``--replay <target> <file>`` gives one of them one input). With the same seed comes the same input. Prints
what became of it; exits with 1 and the reduced or saved input when something was not handled.
"""

import argparse
import asyncio
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import django
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.fuzz.guided import campaign, catalog
from tests.fuzz.slowness import at_most

GUIDED_SHARE = 3
ROUND_EXAMPLES = 200
SLOW_SECONDS = 1.0

Outcomes = Counter[str]
Holds = Callable[[st.DataObject], None]


def bodies(outcomes: Outcomes) -> Holds:
    """Return what holds of a damaged body: it is taken or refused with a reason, and soon."""
    from tests.fuzz.entry import enter
    from tests.fuzz.mutations import raw_bodies

    def holds(data: st.DataObject) -> None:
        raw = data.draw(raw_bodies())
        with at_most(SLOW_SECONDS, raw):
            outcomes[enter(raw).value] += 1

    return holds


def providers(outcomes: Outcomes) -> Holds:
    """Return what holds of whatever a provider sends: it is an answer, or an error of a provider."""
    from tests.fuzz import hostile_provider

    def holds(data: st.DataObject) -> None:
        kind = data.draw(st.sampled_from(list(hostile_provider.RIGHT)))
        drawn, read = data.draw(
            st.sampled_from(
                [
                    (hostile_provider.answers, hostile_provider.answer),
                    (hostile_provider.streams, hostile_provider.stream),
                ]
            )
        )
        outcomes[f"{kind} {read(kind, *data.draw(drawn(kind))).value}"] += 1

    return holds


@contextmanager
def operations(outcomes: Outcomes) -> Iterator[Holds]:
    """Make a database with a team and a model; yield what holds of an operation: it answers as documented."""
    from django.core.management import call_command
    from django.test import Client

    from optimizer_project import asgi
    from tests import factories
    from tests.fuzz import operations as asked

    logging.disable(logging.CRITICAL)
    call_command("migrate", verbosity=0)
    factories.price(factories.language_model(factories.provider("simulated", kind="simulated", base_url=""), "small"))
    _, secret = factories.api_key(scopes=["admin"])
    client = Client(headers=factories.bearer(secret), raise_request_exception=False, SERVER_NAME="localhost")
    known = list(asked.operations())
    with asyncio.Runner() as runner:
        runner.run(asgi.gateway.startup())

        def holds(data: st.DataObject) -> None:
            operation = data.draw(st.sampled_from(known))
            case = data.draw(asked.cases(operation))
            if asked.is_of_the_gateway(operation):
                response = runner.run(asked.ask_gateway(secret, case))
            else:
                response = asked.ask(client, case)
            asked.check(case, response)
            outcomes[f"answered {response.status_code}"] += 1

        yield holds
        runner.run(asgi.gateway.shutdown())


def run(holds: Holds, minutes: float, first_seed: int) -> None:
    """Fuzz in rounds, each with a seed of its own; raises the first finding, reduced."""
    deadline = time.monotonic() + minutes * 60
    number = first_seed
    while time.monotonic() < deadline:
        attempt = settings(
            max_examples=ROUND_EXAMPLES,
            deadline=None,
            database=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        )(given(st.data())(holds))
        seed(number)(attempt)()
        number += 1


def fuzz(what: str, minutes: float, first_seed: int) -> Outcomes:
    outcomes: Outcomes = Counter()
    if what == "operations":
        with operations(outcomes) as holds:
            run(holds, minutes, first_seed)
    else:
        run({"bodies": bodies, "providers": providers}[what](outcomes), minutes, first_seed)
    return outcomes


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5, help="how long to go on in all; 5 unless given")
    parser.add_argument("--seed", type=int, default=1, help="of the first round; each further round adds one")
    parts = ("bodies", "providers", "operations", "guided")
    parser.add_argument("--what", nargs="+", choices=parts, default=parts, help="all unless given")
    parser.add_argument("--targets", nargs="+", choices=catalog.NAMES, default=catalog.NAMES, help="of the guided part")
    parser.add_argument("--replay", nargs=2, metavar=("TARGET", "FILE"), help="give a target one input, and no more")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as data_dir:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "optimizer_project.settings")
        os.environ |= {"ENVIRONMENT": "test", "DATA_DIR": data_dir, "REDIS_URL": ""}
        os.environ["DATABASE_URL"] = f"sqlite:///{Path(data_dir, 'fuzz.sqlite3')}"
        django.setup()
        if arguments.replay:
            print(campaign.replay(arguments.replay[0], Path(arguments.replay[1])))  # noqa: T201
            return 0
        # The guided part has more to search than the others together.
        shares = {what: GUIDED_SHARE if what == "guided" else 1 for what in arguments.what}
        minutes = arguments.minutes / sum(shares.values())
        each = partial(fuzz, minutes=minutes, first_seed=arguments.seed)
        guided = partial(_guided, minutes * GUIDED_SHARE, arguments.seed, arguments.targets)
        return max(guided() if what == "guided" else _told(what, each) for what in arguments.what)


def _guided(minutes: float, first_seed: int, names: Sequence[str]) -> int:
    """Search in a process of its own, where everything is imported under the fuzzer's eyes."""
    command = [sys.executable, "-m", "tests.fuzz.guided", str(minutes), str(first_seed), *names]
    return subprocess.run(command, check=False).returncode


def _told(what: str, fuzz_it: Callable[[str], Outcomes]) -> int:
    try:
        outcomes: Any = fuzz_it(what)
    except Exception as finding:
        print(f"{what}: FINDING {type(finding).__name__}: {finding}", *getattr(finding, "__notes__", ()), sep="\n")  # noqa: T201
        return 1
    counts = ", ".join(f"{count:,} {name}" for name, count in sorted(outcomes.items()))
    print(f"{what}: {counts} and no finding")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
