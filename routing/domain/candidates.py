"""Which models could serve a request."""

from collections import Counter
from collections.abc import Callable, Iterable
from decimal import Decimal

from routing.domain import capability
from routing.domain.catalog import Candidate, ModelSpec
from routing.domain.costs import expected_cost, output_allowance, worst_case_cost
from routing.domain.decision import Controls, NoEligibleModel
from routing.domain.output_lengths import OutputLengths
from routing.domain.prompt import PromptFeatures
from routing.domain.quality_prior import expected_quality

# Services ask this module for the costs of a candidate as well.
__all__ = ["by_cost", "candidates", "expected_cost", "output_allowance", "worst_case_cost"]

_UNPRICED = Decimal("Infinity")


def candidates(
    models: Iterable[ModelSpec],
    features: PromptFeatures,
    controls: Controls,
    *,
    is_available: Callable[[ModelSpec], bool],
    excluded: frozenset[str] = frozenset(),
    output_lengths: OutputLengths | None = None,
) -> tuple[Candidate, ...]:
    """Return the models that can serve the request, cheapest first, then by name.

    Simulated and embedded models stand in for real ones: they are candidates only while no real model is open to
    routing, because their price of zero would win every comparison.

    Args:
        excluded: Full names of models that the team leaves out; leaving out all real ones does not open the stand-ins.
        output_lengths: Learned lengths of answers, which costs are expected with; None for the typical one.

    Raises:
        NoEligibleModel: None can; the message counts what stood in the way of how many models.
    """
    refused: Counter[str] = Counter()
    open_models = []
    for model in models:
        if reason := _closed(model):
            refused[reason] += 1
        else:
            open_models.append(model)
    # Real models that are paused after failures do not bring the stand-ins back: no answer beats a made-up one.
    has_real = any(not capability.is_stand_in(model) for model in open_models)
    if excluded:
        open_models = _without(open_models, excluded, refused)
    lengths = None
    if output_lengths is not None:
        lengths = output_lengths.of_kind(task=features.task, pattern=features.pattern)
    found = []
    for model in open_models:
        reason = _obstacle(model, features, has_real=has_real) or ("" if is_available(model) else "unavailable")
        if reason:
            refused[reason] += 1
            continue
        tokens = None if lengths is None else lengths.within(model.full_name, features.max_output_tokens)
        cost = expected_cost(model, features, output_tokens=tokens)
        if reason := _over_limit(cost, controls):
            refused[reason] += 1
            continue
        found.append(Candidate(model, cost, expected_quality(model), expected_output_tokens=tokens))
    if not found:
        # An empty catalog and models that are paused after failures are ours to mend, not the caller's.
        raise NoEligibleModel(_explain(refused), is_temporary=not refused or "unavailable" in refused)
    return tuple(sorted(found, key=by_cost))


def by_cost(candidate: Candidate) -> tuple[Decimal, str]:
    """Order candidates by expected cost, unpriced ones last, then by full name."""
    cost = candidate.expected_cost_usd
    return _UNPRICED if cost is None else cost, candidate.model.full_name


def _without(models: list[ModelSpec], excluded: frozenset[str], refused: Counter[str]) -> list[ModelSpec]:
    kept = [model for model in models if model.full_name not in excluded]
    if number := len(models) - len(kept):
        refused["left out by a rule of the team"] += number
    return kept


def _closed(model: ModelSpec) -> str | None:
    if not model.is_routable:
        return "not open to routing"
    if model.tier is None:
        return "without a tier"
    return "without a price" if model.price is None else None


def _obstacle(model: ModelSpec, features: PromptFeatures, *, has_real: bool) -> str | None:
    if has_real and capability.is_stand_in(model):
        return "only standing in for real ones"
    return capability.obstacle(model, features)


def _over_limit(cost_usd: Decimal | None, controls: Controls) -> str | None:
    limit = controls.max_cost_usd
    if limit is None or cost_usd is None or cost_usd <= limit:
        return None
    return f"too expensive for max cost {limit:f} USD"


def _explain(refused: Counter[str]) -> str:
    if not refused:
        return "0 models: the catalog is empty; load it, or set a provider's key."
    reasons = sorted(refused.items(), key=lambda entry: (-entry[1], entry[0]))
    counted = ", ".join(f"{number} {reason}" for reason, number in reasons)
    return f"{_models(refused.total())}: {counted}. Ask for less, or open a model that fits to routing."


def _models(number: int) -> str:
    return "1 model" if number == 1 else f"{number} models"
