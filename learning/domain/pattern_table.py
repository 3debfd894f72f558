"""Which model each pattern is sent to, judged from ratings: the same evidence always gives the same table.

A model is eligible for a pattern when its confidence is high or medium and nothing speaks against it. The best quality
of a pattern is that of its eligible models; among those at most ``CLOSE_TO_BEST`` stars below it the cheapest wins.
Equal costs go to the better rated model, then to the one with more ratings, then by name.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import groupby
from operator import attrgetter

from learning.domain.assessment import Assessment, Rules, assess
from learning.domain.evidence import Evidence

CLOSE_TO_BEST = Fraction("0.25")


@dataclass(frozen=True, slots=True)
class Incumbent:
    """The model a pattern is sent to before the run."""

    pattern: str
    provider: str
    model: str
    confidence: str

    @property
    def full_name(self) -> str:
        return f"{self.provider}/{self.model}"


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What else decides, besides ratings.

    Attributes:
        routable: Full names of the models that ``auto`` may choose now.
        barred: Why a (pattern, full name) may not be chosen: staff took it away.
        frozen: Why a pattern stays as it is.
    """

    routable: Collection[str]
    barred: Mapping[tuple[str, str], str] = field(default_factory=dict)
    frozen: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Choice:
    """What one pattern is sent to after the run, and why; ``chosen`` is None for the complexity strategy.

    A frozen pattern keeps what it has, and nothing is chosen for it.
    """

    pattern: str
    previous: Incumbent | None
    chosen: Assessment | None
    reason: str
    is_frozen: bool = False

    @property
    def has_changed(self) -> bool:
        """Whether routing is another than before, in model or in confidence."""
        if self.is_frozen:
            return False
        if self.previous is None or self.chosen is None:
            return self.previous is not None or self.chosen is not None
        before = (self.previous.full_name, self.previous.confidence)
        return before != (self.chosen.evidence.full_name, self.chosen.confidence)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A model that was considered for a pattern and not chosen."""

    assessment: Assessment
    why: str


@dataclass(frozen=True, slots=True)
class Table:
    """The outcome of one run, in the order of patterns and names."""

    choices: tuple[Choice, ...]
    skipped: tuple[Skipped, ...]


def decide(
    evidence: Iterable[Evidence],
    *,
    incumbents: Mapping[str, Incumbent],
    circumstances: Circumstances,
    rules: Rules,
) -> Table:
    """Decide every pattern that has ratings or an override.

    Args:
        evidence: At most one entry for a (pattern, provider, model), in any order.
        incumbents: By pattern.
    """
    ordered = sorted(evidence, key=attrgetter("pattern", "full_name"))
    by_pattern = {pattern: tuple(group) for pattern, group in groupby(ordered, key=attrgetter("pattern"))}
    choices: list[Choice] = []
    skipped: list[Skipped] = []
    for pattern in sorted({*by_pattern, *incumbents}):
        incumbent = incumbents.get(pattern)
        assessments = _assess_all(by_pattern.get(pattern, ()), incumbent, circumstances, rules)
        frozen = circumstances.frozen.get(pattern)
        if frozen:
            choices.append(Choice(pattern, incumbent, None, frozen, is_frozen=True))
            skipped += [Skipped(found, frozen) for found in assessments]
        else:
            choices.append(_choose(pattern, incumbent, assessments, circumstances))
            skipped += _skipped(choices[-1].chosen, assessments)
    return Table(tuple(choices), tuple(skipped))


def _assess_all(
    entries: Iterable[Evidence], incumbent: Incumbent | None, circumstances: Circumstances, rules: Rules
) -> list[Assessment]:
    return [
        assess(
            entry,
            rules=rules,
            is_routable=entry.full_name in circumstances.routable,
            barred=circumstances.barred.get((entry.pattern, entry.full_name)),
            is_incumbent=incumbent is not None and incumbent.full_name == entry.full_name,
        )
        for entry in entries
    ]


def _choose(
    pattern: str, incumbent: Incumbent | None, assessments: list[Assessment], circumstances: Circumstances
) -> Choice:
    contenders = _close_to_best(assessments)
    if contenders:
        winner = min(contenders, key=_cheapest_first)
        others = f"the cheapest of {len(contenders)} within {float(CLOSE_TO_BEST):g} stars of the best"
        return Choice(pattern, incumbent, winner, others if len(contenders) > 1 else "the best rated")
    if incumbent is None:
        return Choice(pattern, None, None, "no model has earned the pattern")
    standing = next((found for found in assessments if found.evidence.full_name == incumbent.full_name), None)
    if reason := _why_revoked(incumbent, standing, circumstances):
        return Choice(pattern, incumbent, None, reason)
    return Choice(pattern, incumbent, standing, "nothing better is known")


def _close_to_best(assessments: list[Assessment]) -> list[Assessment]:
    eligible = [found for found in assessments if found.refusal is None]
    best = max((found.evidence.avg_quality for found in eligible), default=Fraction(0))
    return [found for found in eligible if best - found.evidence.avg_quality <= CLOSE_TO_BEST]


def _cheapest_first(found: Assessment) -> tuple[bool, int, Fraction, int, str]:
    entry = found.evidence
    cost = entry.expected_cost_nano_usd
    return cost is None, cost or 0, -entry.avg_quality, -entry.sample_count, entry.full_name


def _why_revoked(incumbent: Incumbent, standing: Assessment | None, circumstances: Circumstances) -> str | None:
    """Return why an override without a successor ends; None to keep it."""
    if standing is None:
        if incumbent.full_name not in circumstances.routable:
            return "auto may not choose the model now"
        return "too few ratings within the window"
    return standing.refusal if standing.is_disqualified else None


def _skipped(chosen: Assessment | None, assessments: list[Assessment]) -> Iterator[Skipped]:
    best = max((found.evidence.avg_quality for found in _close_to_best(assessments)), default=Fraction(0))
    for found in assessments:
        if found is not chosen:
            yield Skipped(found, found.refusal or _why_beaten(found, chosen, best))


def _why_beaten(found: Assessment, chosen: Assessment | None, best: Fraction) -> str:
    quality = found.evidence.avg_quality
    if best - quality > CLOSE_TO_BEST:
        return (
            f"{float(quality):.2f} stars, more than {float(CLOSE_TO_BEST):g} below the best model's {float(best):.2f}"
        )
    assert chosen is not None, "an eligible model is only passed over for another"
    return f"{chosen.evidence.full_name} is as good within {float(CLOSE_TO_BEST):g} stars, and not dearer"
