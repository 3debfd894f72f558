"""Teams whose traffic is known through and through: what each model is like, and which problems were planted.

A team asks for four patterns. Each has a model that answers most of its requests, and another that is tried on the
rest. Of every kind of problem, some teams have it, some nearly have it, and all others do not. ``truths`` tells what
there is to find from these parameters alone; the rows drawn from them are all that the detectors see.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

KINDS = (
    "overpowered_model",
    "duplicate_prompts",
    "low_quality_model",
    "failover_spike",
    "latency_regression",
    "spend_spike",
    "oversized_max_tokens",
    "feedback_gap",
    "stale_experiment",
    "low_confidence_traffic",
    "dominated_model",
    "unpriced_traffic",
)
TEAMS = 50
PLANTED = NEARLY = 10
MOST_PROBLEMS = 4
LARGE, MEDIUM, SMALL, MINI = "north/large", "north/medium", "south/small", "east/mini"
OLD, NEW, PREVIEW = "west/old", "west/new", "lab/preview"
# Tier, dollars per million tokens of input and output, median latency in milliseconds.
MODELS: dict[str, tuple[str, str, str, float]] = {
    LARGE: ("complex", "5", "25", 2_400.0),
    MEDIUM: ("moderate", "1", "5", 1_100.0),
    SMALL: ("simple", "0.2", "0.8", 700.0),
    MINI: ("simple", "0.1", "0.4", 600.0),
    OLD: ("moderate", "3", "15", 1_800.0),
    NEW: ("moderate", "1", "4", 1_200.0),
}
GOOD, MEDIOCRE = 4.4, 3.8
Truth = tuple[str, str]


@dataclass(slots=True)
class Served:
    """A model on a pattern: its share of the pattern's requests and the mean of its stars before rounding."""

    model: str
    share: float
    stars: float


@dataclass(slots=True)
class Pattern:
    """The requests of one pattern; ``max_tokens`` is what its callers allow."""

    name: str
    served: tuple[Served, Served]
    rated_share: float = 0.08
    low_confidence_share: float = 0.05
    max_tokens: int | None = 1_500


@dataclass(slots=True)
class Team:
    """The true parameters of one team; ratios are of the last week to the time before."""

    number: int
    requests_a_day: float
    patterns: dict[str, Pattern]
    planted: list[str] = field(default_factory=list)
    nearly: list[str] = field(default_factory=list)
    repeats_share: float = 0.0
    are_repeats_soon: bool = True
    failover_share: dict[str, float] = field(default_factory=dict)
    latency_ratio: dict[str, float] = field(default_factory=dict)
    latency_ms: dict[str, float] = field(default_factory=dict)
    spend_ratio: float = 1.0
    unpriced_share: float = 0.0
    experiment_days: int | None = None

    @property
    def slug(self) -> str:
        return f"team-{self.number:02}"


def build(seed: int) -> list[Team]:
    """Return the teams; the same seed, the same teams."""
    rng = random.Random(seed)
    teams = [_ordinary(number, rng) for number in range(TEAMS)]
    for kind in KINDS:
        for team in _with_room(teams, PLANTED, rng, limit=MOST_PROBLEMS):
            team.planted.append(kind)
        others = [team for team in teams if kind not in team.planted]
        # A single request without a price is one too many: there is no nearly.
        for team in rng.sample(others, NEARLY if kind != "unpriced_traffic" else 0):
            team.nearly.append(kind)
    for team in teams:
        for kind in team.planted:
            _PLANT[kind](team, rng, True)
        for kind in team.nearly:
            _PLANT[kind](team, rng, False)
    return teams


def truths(team: Team) -> Iterator[Truth]:
    """Yield type and subject of everything that there is to find in a team."""
    for kind in team.planted:
        for subject in _SUBJECTS[kind]:
            yield kind, subject
    # A better model on the whole is a better one on its pattern; one that is only slower still is cheaper and as good.
    if "dominated_model" in (*team.planted, *team.nearly):
        yield "overpowered_model", f"{OLD} general"


def _ordinary(number: int, rng: random.Random) -> Team:
    def pattern(name: str, main: Served, tried: Served) -> Pattern:
        return Pattern(name, (main, tried))

    patterns = (
        pattern("analysis", Served(LARGE, 0.85, GOOD), Served(MEDIUM, 0.15, MEDIOCRE)),
        pattern("reasoning", Served(LARGE, 0.85, GOOD), Served(NEW, 0.15, MEDIOCRE)),
        pattern("factual", Served(SMALL, 0.85, GOOD), Served(MINI, 0.15, MEDIOCRE)),
        pattern("general", Served(NEW, 0.85, GOOD), Served(MEDIUM, 0.15, GOOD)),
    )
    return Team(number, 130 * rng.uniform(1.0, 1.5), {each.name: each for each in patterns})


def _with_room(teams: list[Team], count: int, rng: random.Random, *, limit: int) -> list[Team]:
    # The first ten teams stay without a problem.
    rest = [team for team in teams[10:] if len(team.planted) < limit]
    rng.shuffle(rest)
    return sorted(rest, key=lambda team: len(team.planted))[:count]


def _overpowered(team: Team, rng: random.Random, really: bool) -> None:
    team.patterns["reasoning"].served[1].stars = GOOD if really else GOOD - 0.5


def _duplicates(team: Team, rng: random.Random, really: bool) -> None:
    team.repeats_share, team.are_repeats_soon = rng.uniform(0.1, 0.4), really


def _low_quality(team: Team, rng: random.Random, really: bool) -> None:
    team.patterns["factual"].served[0].stars = rng.uniform(2.6, 3.2) if really else MEDIOCRE


def _failover(team: Team, rng: random.Random, really: bool) -> None:
    team.failover_share[SMALL] = rng.uniform(0.08, 0.2) if really else rng.uniform(0.015, 0.035)


def _latency(team: Team, rng: random.Random, really: bool) -> None:
    team.latency_ratio[LARGE] = rng.uniform(2.4, 4.0) if really else rng.uniform(1.2, 1.6)


def _spend(team: Team, rng: random.Random, really: bool) -> None:
    team.spend_ratio = rng.uniform(1.8, 3.0) if really else rng.uniform(1.15, 1.3)


def _oversized(team: Team, rng: random.Random, really: bool) -> None:
    team.patterns["general"].max_tokens = rng.choice((8_000, 16_000)) if really else 2_400


def _gap(team: Team, rng: random.Random, really: bool) -> None:
    team.patterns["analysis"].rated_share = rng.uniform(0.0, 0.002) if really else 0.03


def _stale(team: Team, rng: random.Random, really: bool) -> None:
    team.experiment_days = rng.randrange(9, 60) if really else rng.randrange(2, 6)


def _unsure(team: Team, rng: random.Random, really: bool) -> None:
    team.patterns["reasoning"].low_confidence_share = rng.uniform(0.4, 0.7) if really else rng.uniform(0.15, 0.22)


def _dominated(team: Team, rng: random.Random, really: bool) -> None:
    team.patterns["general"].served = (Served(OLD, 0.8, GOOD - 0.2), Served(NEW, 0.2, GOOD))
    if not really:
        team.latency_ms[NEW] = 3_000.0


def _unpriced(team: Team, rng: random.Random, really: bool) -> None:
    team.unpriced_share = rng.uniform(0.005, 0.12) if really else 0.0


_PLANT = {
    "overpowered_model": _overpowered,
    "duplicate_prompts": _duplicates,
    "low_quality_model": _low_quality,
    "failover_spike": _failover,
    "latency_regression": _latency,
    "spend_spike": _spend,
    "oversized_max_tokens": _oversized,
    "feedback_gap": _gap,
    "stale_experiment": _stale,
    "low_confidence_traffic": _unsure,
    "dominated_model": _dominated,
    "unpriced_traffic": _unpriced,
}
# What a planted problem is about, as `benchmarks.insights_detectors` reads it from a finding.
_SUBJECTS: dict[str, tuple[str, ...]] = {
    "overpowered_model": (f"{LARGE} reasoning",),
    "duplicate_prompts": ("",),
    "low_quality_model": (f"{SMALL} factual",),
    "failover_spike": (SMALL,),
    "latency_regression": (LARGE,),
    "spend_spike": ("",),
    "oversized_max_tokens": ("general",),
    "feedback_gap": ("analysis",),
    "stale_experiment": ("experiment",),
    "low_confidence_traffic": ("reasoning",),
    "dominated_model": (OLD,),
    "unpriced_traffic": (PREVIEW,),
}
