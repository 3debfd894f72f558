"""One thing that a team has decided about its routed requests."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    ROUTE_PATTERN = "route_pattern"
    EXCLUDE_MODEL = "exclude_model"
    CAP_MAX_TOKENS = "cap_max_tokens"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a team; it is never changed, so that its ``id`` stands for all of it.

    ``pattern`` is empty for all patterns, ``model`` (a full name) empty for all models. ``max_tokens`` belongs to a
    cap.
    """

    id: int
    kind: Kind
    pattern: str
    model: str
    max_tokens: int | None = None
