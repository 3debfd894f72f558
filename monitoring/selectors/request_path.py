"""Where one request leads: what was tried, what people said of the answer, what decided, and what it was part of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from experiments.models import Experiment
from feedback.models import ResponseFeedback
from routing.domain.pricing import from_nano_usd
from routing.models import LedgerEntry, PolicyVersion

MOST_RATINGS = 20


@dataclass(frozen=True, slots=True)
class Attempted:
    """One exchange with a provider; figures are None where it did not get so far."""

    model: str
    ended: str
    latency_ms: int | None
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: Decimal | None


@dataclass(frozen=True, slots=True)
class RequestPath:
    """``attempts`` are in their order; ``policy`` is None for what was decided by complexity alone."""

    attempts: Sequence[Attempted]
    ratings: Sequence[ResponseFeedback]
    policy: PolicyVersion | None
    experiment: Experiment | None


def of(entry: LedgerEntry) -> RequestPath:
    """Read what hangs on a request, the newest ratings first, at most ``MOST_RATINGS``."""
    ratings = ResponseFeedback.objects.filter(ledger_request_id=entry.pk)
    policies = PolicyVersion.objects.defer("document")
    experiments = Experiment.objects.only("name", "status")
    return RequestPath(
        attempts=[_attempted(document) for document in entry.attempts],
        ratings=list(ratings[:MOST_RATINGS]),
        policy=None if entry.policy_version is None else policies.filter(version=entry.policy_version).first(),
        experiment=None if entry.experiment_id is None else experiments.filter(id=entry.experiment_id).first(),
    )


def _attempted(document: Mapping[str, Any]) -> Attempted:
    code, cost = document.get("code"), document.get("cost_nano_usd")
    return Attempted(
        model=f"{document['provider']}/{document['model']}",
        ended=document["state"] if code is None else f"{document['state']}: {code}",
        latency_ms=document.get("latency_ms"),
        input_tokens=document.get("input_tokens"),
        output_tokens=document.get("output_tokens"),
        cost_usd=None if cost is None else from_nano_usd(cost),
    )
