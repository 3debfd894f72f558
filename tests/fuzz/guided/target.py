"""What is fuzzed with the coverage as a guide: one parser of bytes that strangers send, and what holds of it."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """``check`` takes any bytes and returns a word for what became of them; whatever it raises is a finding.

    Attributes:
        seeds: Inputs as real exchanges have them, by a name; the search starts from these.
        words: What the parser looks for, so that chance need not find it byte by byte.
    """

    check: Callable[[bytes], str]
    seeds: dict[str, bytes]
    words: tuple[bytes, ...]


def hold(claim: bool, otherwise: object) -> None:
    """Raise unless a claim holds."""
    if not claim:
        raise AssertionError(otherwise)
