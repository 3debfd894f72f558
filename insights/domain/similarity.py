"""Which suggestions ask for the same thing, though two detectors made them."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from insights.domain.finding import Json, Subject

# Least share of facts in common, of all facts of both (the Jaccard index), in percent: whole numbers compare exactly.
SIMILAR_PERCENT = 70

Facts = frozenset[str]


def facts(finding_type: str, subject: Subject, action: Json | None) -> Facts:
    """Return what is compared: the type, each part of the subject, and the action (as ``Action.as_json``) likewise."""
    parts = {f"type={finding_type}", *_parts("subject", subject)}
    if action is not None:
        parts |= {f"action={action['kind']}", *_parts("action", action["parameters"])}
    return frozenset(parts)


def are_alike(one: Facts, other: Facts) -> bool:
    """Say whether two suggestions share enough of their facts."""
    shared = len(one & other)
    return shared * 100 >= SIMILAR_PERCENT * (len(one) + len(other) - shared)


def first_alike(ordered: Sequence[Facts]) -> list[int]:
    """Return for each the place of the first kept one it is alike, or its own place where it is kept.

    Earlier ones are kept first. Compared are only those that share one of their rarest facts, as all that are alike do
    (Bayardo, Ma and Srikant 2007, "Scaling Up All Pairs Similarity Search", section 4).
    """
    commonness = Counter(fact for each in ordered for fact in each)
    kept_with: dict[str, list[int]] = {}
    found = []
    for place, each in enumerate(ordered):
        rarest = sorted(each, key=lambda fact: (commonness[fact], fact))[: _needed(len(each))]
        met = {before for fact in rarest for before in kept_with.get(fact, ())}
        first = min((before for before in met if are_alike(ordered[before], each)), default=place)
        if first == place:
            for fact in rarest:
                kept_with.setdefault(fact, []).append(place)
        found.append(first)
    return found


def _needed(size: int) -> int:
    """Return how many facts of so many may not be looked at before two that are alike must have met."""
    fewest_shared = -(-SIMILAR_PERCENT * size // 100)
    return size - fewest_shared + 1


def _parts(prefix: str, values: Any) -> Iterator[str]:
    return (f"{prefix}.{name}={value}" for name, value in values.items())
