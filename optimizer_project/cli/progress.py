"""A bar on standard error while a long command works; silent where that is no terminal."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from tqdm import tqdm


class Bar(Protocol):
    """Shows how far the work is; ``postfix`` is a word at the end of the line."""

    def to(self, position: int, postfix: str = "") -> None: ...


class _Bar:
    def __init__(self, bar: "tqdm[None]") -> None:
        self._bar = bar

    def to(self, position: int, postfix: str = "") -> None:
        if postfix:
            self._bar.set_postfix_str(postfix, refresh=False)
        self._bar.update(position - self._bar.n)


@contextmanager
def bar(total: int, description: str, *, unit: str, is_bytes: bool = False) -> Iterator[Bar]:
    """Show a bar from 0 to ``total``; bytes are shown in kB and MB."""
    # None shows the bar on a terminal only.
    with tqdm(
        total=total, desc=description, unit=unit, unit_scale=is_bytes, file=sys.stderr, disable=None, leave=False
    ) as shown:
        yield _Bar(shown)
