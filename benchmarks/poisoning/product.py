"""What the product does with ratings as weeks go by: the watch of every night, the retraining of every Sunday.

The decisions are the product's own functions; only the rows come from memory instead of a database.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.poisoning import counting
from benchmarks.poisoning.counting import DAY, Offer, Votes
from learning.domain import disputes, pattern_table
from learning.domain.assessment import Assessment, Rules
from learning.domain.evidence import Evidence
from learning.domain.pattern_table import Circumstances, Incumbent, Table
from learning.domain.vote_rates import anomaly

WINDOW_DAYS = 90
# A retraining is due on Sunday at 02:00 UTC, the watch at 01:30 each night.
_RETRAINED_AT = 6 * DAY + 2 * 3600
_WATCHED_AT = 5_400


@dataclass
class Learner:
    """The pattern table of one pattern, with what has frozen it.

    ``switches`` are the models it was given in turn; ``is_flooded`` says whether an alert of a flood was raised.
    """

    pattern: str
    offers: Sequence[Offer]
    incumbent: Incumbent | None = None
    frozen: dict[str, str] = field(default_factory=dict)
    switches: list[str | None] = field(default_factory=list)
    is_flooded: bool = False

    def live(self, votes: Votes, begin: int, end: int) -> None:
        """Go through whole weeks: each night look for unusual ratings, each Sunday learn."""
        for day in range(begin, end, DAY):
            self._watch(votes, day + _WATCHED_AT)
            self.is_flooded = self.is_flooded or counting.has_flood(votes, day + _WATCHED_AT)
            if (day - begin) % (7 * DAY) == 6 * DAY:
                self._retrain(votes, day - 6 * DAY + _RETRAINED_AT)

    def _watch(self, votes: Votes, now: int) -> None:
        for rate in counting.rates(votes, self.offers, self.pattern, now):
            if (reason := anomaly(rate)) and self.pattern not in self.frozen:
                self.frozen[self.pattern] = reason

    def _retrain(self, votes: Votes, now: int) -> None:
        self._watch(votes, now)
        counted = counting.countable(votes, now - WINDOW_DAYS * DAY, now)
        found = counting.evidence(counted, self.offers, self.pattern, now)
        self.frozen |= disputes.disputed(self._decide(found, self.frozen), found)
        for choice in self._decide(found, self.frozen).choices:
            if choice.has_changed:
                self._give(choice.chosen)

    def _give(self, chosen: Assessment | None) -> None:
        before, self.incumbent = self.incumbent, None
        if chosen is not None:
            entry = chosen.evidence
            self.incumbent = Incumbent(entry.pattern, entry.provider, entry.model, chosen.confidence)
        now = self.incumbent
        if (before and before.full_name) != (now and now.full_name):
            self.switches.append(now.model if now else None)

    def _decide(self, found: Sequence[Evidence], frozen: Mapping[str, str]) -> Table:
        incumbents = {self.pattern: self.incumbent} if self.incumbent else {}
        routable = frozenset(offer.full_name for offer in self.offers)
        return pattern_table.decide(
            found, incumbents=incumbents, circumstances=Circumstances(routable, frozen=frozen), rules=Rules()
        )
