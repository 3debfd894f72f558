"""The documents of the policies that learning publishes: what routes now, with what was learned put in."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.conf import settings

from routing.domain import output_lengths
from routing.domain import policy as policy_domain
from routing.domain.output_lengths import OutputLengths
from routing.domain.policy import Override
from routing.models import PolicyVersion


def with_overrides(active: PolicyVersion | None, overrides: Iterable[Override]) -> dict[str, Any]:
    """Return the active policy's document with another table."""
    return {**_base(active), "overrides": policy_domain.document(overrides)["overrides"]}


def with_lengths(document: Mapping[str, Any], lengths: OutputLengths | None) -> dict[str, Any]:
    """Return a document with the lengths of answers that were learned; where none were, with those it has."""
    return dict(document) if lengths is None else {**document, "output_lengths": output_lengths.document(lengths)}


def with_predictor(
    active: PolicyVersion | None, summary: Mapping[str, Any], lengths: OutputLengths | None
) -> dict[str, Any]:
    """Return the active policy's document for a new predictor, with the value of quality that its training found.

    That value was found on the costs of answers of these ``lengths``, which are therefore in the document too.

    That is the least one that keeps to the document's ``tolerance``; where training found none, because nothing is
    known to cost anything, there is none.
    """
    document = with_lengths(_base(active), lengths)
    allowed = [found for found in summary["quality_values"] if found["tolerance"] <= document["tolerance"]]
    loosest = max(allowed, key=lambda found: found["tolerance"], default=None)
    return {**document, "usd_per_quality": None if loosest is None else loosest["usd_per_quality"]}


def _base(active: PolicyVersion | None) -> dict[str, Any]:
    if active is not None:
        return dict(active.document)
    return policy_domain.document(exploration_share=settings.EXPLORATION_SHARE, random_share=settings.RANDOM_SHARE)
