"""How much processor time an input may take."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Slow(AssertionError):
    """An input took more processor time than any may."""


@contextmanager
def at_most(seconds: float, raw: bytes) -> Iterator[None]:
    """Raise Slow where what is done with an input takes more processor time than so many seconds."""
    started = time.process_time()
    yield
    if (took := time.process_time() - started) > seconds:
        raise Slow(f"{len(raw)} bytes took {took:.1f} s of processor time, more than {seconds:g} s")
