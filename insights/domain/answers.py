"""What a team said to a suggestion."""

from dataclasses import dataclass
from enum import StrEnum

from insights.domain.finding import Category, Severity


class Answer(StrEnum):
    """Ignoring a suggestion says neither yes nor no, so that it counts in no rate."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True)
class Answered:
    """The newest answer to one finding; ``confidence`` in [0, 1] is the detector's, before calibration."""

    finding_type: str
    category: Category
    severity: Severity
    confidence: float
    answer: Answer

    @property
    def is_decided(self) -> bool:
        return self.answer is not Answer.IGNORED

    @property
    def is_accepted(self) -> bool:
        return self.answer is Answer.ACCEPTED
