"""What logged candidates would have been expected to cost with answers of other lengths.

A policy is asked again about a request that another one decided, whose candidates were priced with the lengths that
the other one knew. The cost of an answer is linear in its tokens, so that the tokens between the two lengths, at
today's rate, are all that differs.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from msgspec.structs import replace

from routing.domain.candidates import by_cost
from routing.domain.catalog import Candidate, ModelSpec
from routing.domain.costs import TYPICAL_OUTPUT_TOKENS
from routing.domain.output_lengths import Lengths
from routing.domain.policy import RoutingPolicy
from routing.domain.prompt import PromptFeatures

Rates = Mapping[str, Decimal]
_MILLION = Decimal(1_000_000)


def output_rates(models: Iterable[ModelSpec]) -> dict[str, Decimal]:
    """Return dollars per million tokens of output, by full name, of the models that have a price."""
    return {model.full_name: model.price.output_usd_per_mtok for model in models if model.price is not None}


def repriced(
    candidates: Sequence[Candidate],
    *,
    logged_tokens: Mapping[str, int | None],
    features: PromptFeatures,
    policy: RoutingPolicy | None,
    rates: Rates,
) -> list[Candidate]:
    """Return candidates with the cost of answers as long as ``policy`` expects them, cheapest first.

    Args:
        candidates: As they were priced when the request was decided.
        logged_tokens: The lengths that was done with, by full name; None for the typical one.
        policy: None for the typical lengths.
        rates: Those of ``output_rates``; the cost of a model without one stays as it was.
    """
    lengths = None
    if policy is not None and policy.output_lengths is not None:
        lengths = policy.output_lengths.of_kind(task=features.task, pattern=features.pattern)
    found = [
        _repriced(one, logged_tokens.get(one.model.full_name), features.max_output_tokens, lengths, rates)
        for one in candidates
    ]
    return sorted(found, key=by_cost) if found != list(candidates) else found


def _repriced(
    candidate: Candidate, logged_tokens: int | None, limit: int | None, lengths: Lengths | None, rates: Rates
) -> Candidate:
    name = candidate.model.full_name
    before = logged_tokens or min(TYPICAL_OUTPUT_TOKENS, limit or TYPICAL_OUTPUT_TOKENS)
    # A team's rule lowers the limit after the decision: the candidates were priced without it.
    if limit is not None and before > limit:
        limit = None
    tokens = None if lengths is None else lengths.within(name, limit)
    after = tokens or min(TYPICAL_OUTPUT_TOKENS, limit or TYPICAL_OUTPUT_TOKENS)
    cost = candidate.expected_cost_usd
    if cost is not None and after != before and name in rates:
        cost = max(Decimal(0), cost + (after - before) * rates[name] / _MILLION)
    return replace(candidate, expected_cost_usd=cost, expected_output_tokens=tokens)
