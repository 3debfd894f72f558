"""What every kind of action can do: be shown, be taken, be taken back."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from accounts.models import Team

Parameters = Mapping[str, Any]
# Plain JSON; empty where taking the action back changes nothing.
Undo = dict[str, Any]


class NotApplicable(Exception):
    """The action cannot be taken, or not be taken back, as things stand; the message says what to do instead."""


@dataclass(frozen=True, slots=True)
class Change:
    """What an action would change, for people to read before they agree.

    Attributes:
        summary: What is done, as a sentence.
        before, after: How it is now, and how it will be.
        notes: What else to know, each a sentence.
        is_needed: False where everything is so already.
    """

    summary: str
    before: str
    after: str
    notes: tuple[str, ...] = ()
    is_needed: bool = True


@dataclass(frozen=True, slots=True)
class Cause:
    """Who acts, why, and when."""

    actor: str
    reason: str
    now: datetime


class ActionKind(Protocol):
    """One kind of action on a team; all three raise NotApplicable."""

    def preview(self, team: Team, parameters: Parameters) -> Change: ...

    def apply(self, team: Team, parameters: Parameters, cause: Cause) -> Undo: ...

    def revert(self, team: Team, undo: Undo, cause: Cause) -> None: ...
