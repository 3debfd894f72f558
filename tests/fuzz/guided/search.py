"""One search, in a process that libFuzzer may end in the way it likes."""

import hashlib
import os
import random
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from tests.fuzz.guided import structure
from tests.fuzz.guided.target import Target
from tests.fuzz.slowness import at_most

MOST_CPU_SECONDS = 2.0
_LOOK_SECONDS = 0.2


def fork(target: Target, options: Sequence[str], findings: str, log: Path, *, most_seconds: float) -> int:
    """Search in a copy of this process, which has everything imported and instrumented; return what it ended with.

    Args:
        options: libFuzzer's.
        findings: What the names of files begin with that hold an input that is one.
        log: Takes what it says.
        most_seconds: Until it is stopped from outside.
    """
    child = os.fork()
    if child == 0:
        _search(target, [f"-artifact_prefix={findings}", *options], findings, log)
    ends_at = time.monotonic() + most_seconds
    while time.monotonic() < ends_at:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(_LOOK_SECONDS)
    os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _search(target: Target, options: Sequence[str], findings: str, log: Path) -> NoReturn:
    import atheris

    with log.open("wb") as told:
        os.dup2(told.fileno(), sys.stdout.fileno())
        os.dup2(told.fileno(), sys.stderr.fileno())

    def one_input(data: bytes) -> None:
        try:
            with at_most(MOST_CPU_SECONDS, data):
                target.check(data)
        except Exception:
            # By the name that libFuzzer gives it, which does not always come to write it.
            digest = hashlib.sha1(data, usedforsecurity=False).hexdigest()
            Path(f"{findings}crash-{digest}").write_bytes(data)
            raise

    def mutated(data: bytes, most_bytes: int, seed: int) -> bytes:
        return structure.changed(data, most_bytes, random.Random(seed), target.words, atheris.Mutate)

    atheris.Setup([sys.argv[0], *options], one_input, custom_mutator=mutated)
    atheris.Fuzz()
    os._exit(0)
