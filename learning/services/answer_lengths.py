"""Learns how long the answers of a scope's models are, for the policy that is being trained."""

from datetime import datetime

from accounts.models import Team
from learning.domain import length_means
from learning.selectors import answer_lengths, catalog
from learning.selectors.catalog import Catalog
from learning.services import findings
from routing.domain.output_lengths import OutputLengths


def learned(team: Team | None, *, now: datetime, known: Catalog | None = None) -> OutputLengths | None:
    """Return the lengths to expect of the models that ``auto`` may choose; None where no answer is known.

    Args:
        team: Whose policy; None for the one that teams share.
        known: The catalog, where it has been read already.
    """
    since = findings.window_start(now)
    known = known or catalog.at(now, since=since, known_versions=findings.known_versions(team))
    sums = answer_lengths.answer_lengths(team=team, since=since, until=now, changes=known.changes)
    return length_means.learn(one for one in sums if one.model in known.routable)
