"""What a review finds, and how it stays the same finding from one review to the next."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from routing.domain import canonical_json

Json = Mapping[str, Any]
Subject = Mapping[str, str | int | bool]


class Category(StrEnum):
    COST = "cost"
    QUALITY = "quality"
    PERFORMANCE = "performance"
    RELIABILITY = "reliability"
    CACHING = "caching"
    EXPERIMENTATION = "experimentation"


class Severity(StrEnum):
    """From the most to the least severe."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class ActionKind(StrEnum):
    """What the product can do by itself once somebody accepts it."""

    ROUTE_PATTERN = "route_pattern"
    EXCLUDE_MODEL = "exclude_model"
    ENABLE_RESPONSE_CACHE = "enable_response_cache"
    CAP_MAX_TOKENS = "cap_max_tokens"
    START_EXPERIMENT = "start_experiment"
    COMPLETE_EXPERIMENT = "complete_experiment"
    SET_BUDGET = "set_budget"


@dataclass(frozen=True, slots=True)
class Action:
    """A change that a program can make; ``parameters`` are plain JSON."""

    kind: ActionKind
    parameters: Json = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the action as JSON-able values."""
        return {"kind": self.kind.value, "parameters": dict(self.parameters)}


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What to do, in words; ``action`` is None where only people can do it."""

    text: str
    action: Action | None = None


@dataclass(frozen=True, slots=True)
class Savings:
    """What following the suggestion saves a month, in nano-dollars, and what that figure takes for granted.

    ``nano_usd`` is None where nothing can be said; ``assumption`` then says why.
    """

    nano_usd: int | None
    assumption: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a team should look at.

    Attributes:
        subject: What it is about, such as the model and the pattern: the same from one review to the next, unlike the
            evidence, which changes with each window.
        evidence: Plain JSON that a person can check against the ledger.
        confidence: How sure the detector is, in [0, 1]; before calibration against what teams answered.
    """

    finding_type: str
    category: Category
    severity: Severity
    title: str
    subject: Subject
    evidence: Json
    suggestion: Suggestion
    confidence: float
    savings: Savings

    @property
    def fingerprint(self) -> str:
        """32 hexadecimal digits, equal for findings of one type about one subject of a team."""
        return fingerprint(self.finding_type, self.subject)

    def as_json(self) -> dict[str, Any]:
        """Return the finding as JSON-able values."""
        action = self.suggestion.action
        return {
            "finding_type": self.finding_type,
            "category": self.category.value,
            "severity": self.severity.value,
            "title": self.title,
            "subject": dict(self.subject),
            "evidence": dict(self.evidence),
            "suggestion": self.suggestion.text,
            "action": action.as_json() if action else None,
            "confidence": self.confidence,
            "estimated_monthly_savings_nano_usd": self.savings.nano_usd,
            "assumption": self.savings.assumption,
            "fingerprint": self.fingerprint,
        }


def fingerprint(finding_type: str, subject: Subject) -> str:
    """Return what names a finding across reviews; rows are scoped by team, so that the team is no part of it."""
    return hashlib.sha256(canonical_json.encode([finding_type, dict(subject)])).hexdigest()[:32]
