"""One exchange with a provider as the ledger sees it: what was reserved for it, how it ended, what it cost."""

from typing import Any

import msgspec
from msgspec.structs import replace

from routing.domain import costs, pricing, tokens
from routing.domain.catalog import ModelSpec
from routing.domain.prompt import PromptFeatures
from routing.domain.usage import Usage
from routing.providers.base import ProviderError
from routing.providers.usage_reading import CLAMPED


class Attempt(msgspec.Struct):
    """An attempt's record; ``cost_nano_usd`` is None while it runs and where the model has no price."""

    attempt_id: str
    model: ModelSpec
    started_at: str
    reserved_nano_usd: int
    worst_case: Usage
    state: str = "pending"
    code: str | None = None
    usage: Usage | None = None
    cost_nano_usd: int | None = None
    latency_ms: int | None = None

    @property
    def is_estimated(self) -> bool:
        return self.usage is not None and self.usage.estimated

    def succeed(self, usage: Usage, latency_ms: int) -> None:
        """Close an attempt with an answer: billed as counted, or at its reservation where that count cannot be."""
        self.state = "succeeded"
        self._bill(usage if self._is_possible(usage) else replace(self.worst_case, flags=usage.flags), latency_ms)

    def _is_possible(self, usage: Usage) -> bool:
        """Whether a count can be: one that had to be repaired is neither of nothing sent nor beyond the worst case."""
        if CLAMPED not in usage.flags:
            return True
        worst = self.worst_case
        return 0 < usage.input_tokens <= worst.input_tokens and usage.output_tokens <= worst.output_tokens

    def fail(self, error: ProviderError, latency_ms: int) -> None:
        """Close an attempt without an answer: free when the provider cannot have billed it, else its reservation."""
        self.state = "failed"
        self.code = error.code
        self._bill(Usage() if error.sent == "no" else self.worst_case, latency_ms)

    def break_off(self, code: str, latency_ms: int) -> None:
        """Close an attempt whose answer began and did not end: billed at its reservation."""
        self.state = "partial"
        self.code = code
        self._bill(self.worst_case, latency_ms)

    def as_json(self) -> dict[str, Any]:
        """Return the attempt as the ledger keeps it; what is not known yet, and parts that are zero, are left out."""
        document: dict[str, Any] = {
            "attempt_id": self.attempt_id,
            "provider": self.model.provider,
            "model": self.model.name,
            "price_id": self.model.price_id,
            "state": self.state,
            "started_at": self.started_at,
            "reserved_nano_usd": self.reserved_nano_usd,
        }
        if self.code is not None:
            document["code"] = self.code
        if self.usage is not None:
            document |= {
                "latency_ms": self.latency_ms,
                "cost_nano_usd": self.cost_nano_usd,
                "is_estimated": self.is_estimated,
                **_token_counts(self.usage),
            }
        return document

    def _bill(self, usage: Usage, latency_ms: int) -> None:
        self.usage = usage
        self.latency_ms = latency_ms
        if usage.estimated and replace(usage, flags=()) == self.worst_case:
            self.cost_nano_usd = self.reserved_nano_usd if self.model.price is not None else None
        elif usage == Usage() and self.state == "failed":
            self.cost_nano_usd = 0
        else:
            self.cost_nano_usd = cost_nano_usd(usage, self.model)


def _token_counts(usage: Usage) -> dict[str, int]:
    counts = {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens}
    parts = {
        "cached_input_tokens": usage.cached_input_tokens,
        "cache_write_tokens": usage.cache_write_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
    }
    return {**counts, **{name: count for name, count in parts.items() if count}}


def start(attempt_id: str, model: ModelSpec, features: PromptFeatures, *, choices: int, started_at: str) -> Attempt:
    """Describe an attempt about to be made; its reservation is the most it can cost by our own count of its input.

    Args:
        choices: Answers asked for at once (``n``).
        started_at: ISO 8601, in UTC.
    """
    input_tokens = tokens.for_model(features.input_tokens, model.name)
    worst = costs.worst_case_cost(
        model, input_tokens=input_tokens, max_output_tokens=features.max_output_tokens, choices=choices
    )
    return Attempt(
        attempt_id=attempt_id,
        model=model,
        started_at=started_at,
        reserved_nano_usd=0 if worst is None else pricing.to_nano_usd(worst),
        worst_case=Usage(
            input_tokens=input_tokens,
            output_tokens=costs.output_allowance(model, features.max_output_tokens, choices=choices),
            estimated=True,
        ),
    )


def cost_nano_usd(usage: Usage, model: ModelSpec) -> int | None:
    """Price tokens at a model's current rates; None when it has none."""
    return None if model.price is None else pricing.to_nano_usd(pricing.cost_usd(usage, model.price))


def counted_usage(features: PromptFeatures, text: str, model: ModelSpec) -> Usage:
    """Count what the provider did not: used, and flagged as estimated, where an answer came without its usage."""
    return Usage(
        input_tokens=tokens.for_model(features.input_tokens, model.name),
        output_tokens=tokens.count(text, model.name),
        estimated=True,
        flags=("usage_missing",),
    )
