"""What every grader of a calibration offers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from learning.services.gateway_client import GatewayClient
from learning.services.graders.references import References


@dataclass(frozen=True, slots=True)
class GradedAnswer:
    """One model's answer to one prompt; ``key`` is unique to the two and the try, fit for an Idempotency-Key."""

    key: str
    request_id: str
    prompt: str
    answer: str
    model: str
    task: str | None


@dataclass(frozen=True, slots=True)
class Grade:
    """A quality in [0, 1].

    ``request_ids`` are ledger rows that grading cost; ``repeated`` is a second grade by the same judge and
    ``by_reference`` that of the reference answer, each where there is one.
    """

    quality: float
    request_ids: tuple[str, ...] = ()
    repeated: float | None = None
    by_reference: float | None = None


class GradingFailed(Exception):
    """This answer has no grade; ``is_fatal`` says that no other will have one either before somebody helps."""

    def __init__(self, code: str, message: str, *, request_ids: tuple[str, ...] = (), is_fatal: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.request_ids = request_ids
        self.is_fatal = is_fatal


class InvalidGrader(ValueError):
    """The grader's settings cannot be used; the message names the cure."""


@dataclass(frozen=True, slots=True)
class Context:
    """What graders are made from: their settings, the gateway and the reference answers, if any were given."""

    settings: Mapping[str, Any]
    gateway: GatewayClient
    references: References


class Grader(Protocol):
    """Grades answers; called from several threads at once, without a database connection."""

    def grade(self, given: GradedAnswer) -> Grade:
        """Return the grade; raises GradingFailed and nothing else."""
        ...
