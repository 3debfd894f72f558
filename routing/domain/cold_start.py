"""The rule where nothing has been learned: the prompt's complexity names a tier, its cheapest model answers."""

from collections.abc import Sequence

from routing.domain.candidates import by_cost
from routing.domain.catalog import TIERS, Candidate
from routing.domain.decision import NoEligibleModel
from routing.domain.prompt import PromptFeatures
from routing.domain.situation import Choice, Situation


def choose(situation: Situation) -> Choice:
    """Choose the cheapest candidate of the prompt's tier; confidence is low, for no feedback supports the choice.

    Where the tier has no candidate that clears the wanted quality, the next tier up is tried, then those below. A
    quality that only the team wants, and that no candidate is expected to reach, makes way for the best there is.

    Raises:
        NoEligibleModel: No candidate is expected to reach the request's minimum.
    """
    features = situation.features
    good_enough, quality = _good_enough(situation)
    tier = next(
        tier
        for tier in tiers_by_preference(features.tier)
        if any(candidate.model.tier == tier for candidate in good_enough)
    )
    options = [candidate for candidate in good_enough if candidate.model.tier == tier]
    return Choice(min(options, key=by_cost), "low", _reason(features, tier, len(options), quality))


def tiers_by_preference(wanted: str) -> tuple[str, ...]:
    """Order the tiers for a prompt: the wanted one, those above from near to far, then those below."""
    position = TIERS.index(wanted)
    return TIERS[position:] + TIERS[:position][::-1]


def _good_enough(situation: Situation) -> tuple[list[Candidate], float | None]:
    """Return the candidates that clear the wanted quality, and that quality."""
    wanted = situation.wanted
    quality = None if wanted is None else wanted.quality
    found = [candidate for candidate in situation.candidates if _clears(candidate, quality)]
    if found:
        return found, quality
    tiered = [candidate for candidate in situation.candidates if candidate.model.tier is not None]
    if wanted is None or wanted.is_firm or not tiered:
        raise NoEligibleModel(_explain_quality(situation.candidates, quality))
    best = max(candidate.expected_quality or 0.0 for candidate in tiered)
    return [candidate for candidate in tiered if (candidate.expected_quality or 0.0) == best], best


def _clears(candidate: Candidate, min_quality: float | None) -> bool:
    if candidate.model.tier is None:
        return False
    return min_quality is None or (candidate.expected_quality is not None and candidate.expected_quality >= min_quality)


def _reason(features: PromptFeatures, tier: str, options: int, quality: float | None) -> str:
    prompt = f"{features.pattern} prompt, complexity {features.complexity_score:.2f} ({features.tier})"
    choice = f"cheapest of {options} {tier} models" if options > 1 else f"the only {tier} model"
    if quality is not None:
        choice += f" expected to reach quality {quality:g}"
    moved = "" if tier == features.tier else f"no {features.tier} model fits, so "
    return f"{prompt}: {moved}{choice}"


def _explain_quality(candidates: Sequence[Candidate], quality: float | None) -> str:
    if not candidates:
        return "0 models can serve this request; open one that fits to routing."
    best = max((candidate.expected_quality or 0.0) for candidate in candidates)
    return (
        f"{len(candidates)} models can serve this request, but none is expected to reach quality {quality}; ask for at "
        f"most {best:g}, or open a model of a higher tier to routing."
    )
