"""Whom to ask next when a model fails."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from routing.domain.candidates import by_cost
from routing.domain.catalog import TIERS, Candidate, ModelSpec

# Models asked for one request, the chosen one included: enough for one of each kind below, and a bound on how long a
# caller waits while everything is down.
LONGEST_CHAIN = 4
_OPENROUTER = "openrouter"


def chain(chosen: ModelSpec, candidates: Sequence[Candidate]) -> tuple[ModelSpec, ...]:
    """Order the models to ask for a routed request: the chosen one first, no model twice, at most four.

    After it come the same tier elsewhere (another provider before the same one, then cheaper first), OpenRouter's
    equivalent of the chosen model, and any candidate by distance of tier, then cost. The best of each of these three
    kinds has a place before a second of any, so that a large tier does not crowd out the others.
    """
    others = [candidate for candidate in candidates if candidate.model.id != chosen.id]
    same_tier = [candidate for candidate in others if candidate.model.tier == chosen.tier]
    equivalent = [candidate for candidate in others if _is_openrouters(candidate.model, chosen)]
    kinds = (
        sorted(same_tier, key=lambda candidate: (candidate.model.provider == chosen.provider, by_cost(candidate))),
        sorted(equivalent, key=by_cost),
        sorted(others, key=lambda candidate: _distance_then_cost(candidate, chosen)),
    )
    ordered = _unique(candidate.model for kind in kinds for candidate in kind)
    firsts = _first_of_each(kinds)
    kept = _unique([*firsts, *ordered])[: LONGEST_CHAIN - 1]
    kept_ids = {model.id for model in kept}
    return (chosen, *(model for model in ordered if model.id in kept_ids))


def equivalents(chosen: ModelSpec, models: Iterable[ModelSpec]) -> tuple[ModelSpec, ...]:
    """Return the models to ask after one that was asked for by name: the same model at other providers.

    They share the canonical name and keep the order given; one that cannot be billed is left out, unless staff allow
    it. At most three.
    """
    found = [
        model
        for model in models
        if model.id != chosen.id
        and model.provider != chosen.provider
        and _is_same_model(model, chosen)
        and (model.price is not None or model.allow_unpriced)
    ]
    return tuple(_unique(found)[: LONGEST_CHAIN - 1])


def _is_same_model(model: ModelSpec, chosen: ModelSpec) -> bool:
    return bool(chosen.canonical_name) and model.canonical_name == chosen.canonical_name


def _is_openrouters(model: ModelSpec, chosen: ModelSpec) -> bool:
    return model.provider == _OPENROUTER and _is_same_model(model, chosen)


def _distance_then_cost(candidate: Candidate, chosen: ModelSpec) -> tuple[int, tuple[Decimal, str]]:
    return abs(_rank(candidate.model) - _rank(chosen)), by_cost(candidate)


def _rank(model: ModelSpec) -> int:
    # A model without a tier is as far from any tier as the tiers reach.
    return len(TIERS) if model.tier is None else TIERS.index(model.tier)


def _first_of_each(kinds: Sequence[Sequence[Candidate]]) -> list[ModelSpec]:
    """Take the first candidate of each kind that an earlier kind has not taken."""
    firsts: list[ModelSpec] = []
    for kind in kinds:
        taken = {model.id for model in firsts}
        firsts += [candidate.model for candidate in kind if candidate.model.id not in taken][:1]
    return firsts


def _unique(models: Iterable[ModelSpec]) -> list[ModelSpec]:
    return list({model.id: model for model in models}.values())
