"""What a cost review looks at: figures of one team, added up over a window of whole UTC days.

Money is in whole nano-dollars, tokens and requests are counts. ``model`` is always a full name, ``provider/name``.
Simulated and embedded models are left out by whoever gathers the figures: their money is notional.
"""

from dataclasses import dataclass
from datetime import date

DAYS_PER_MONTH = 30


@dataclass(frozen=True, slots=True)
class ModelPattern:
    """The window's traffic of one model on one pattern.

    ``is_routed``: the product chose the model; otherwise the caller asked for it by name, which no routing changes.
    ``low_confidence_requests`` are those decided with low confidence; ``rated_requests`` those with a rating.
    """

    model: str
    pattern: str
    is_routed: bool
    requests: int
    input_tokens: int
    output_tokens: int
    cost_nano_usd: int
    low_confidence_requests: int = 0
    rated_requests: int = 0
    unpriced_requests: int = 0
    example_request_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelDay:
    """The traffic of one model on one UTC day, from four weeks before the window to its end."""

    day: date
    model: str
    requests: int
    cost_nano_usd: int


@dataclass(frozen=True, slots=True)
class FirstChoice:
    """How often a model that was to answer could not, so that another one did, in the window."""

    model: str
    requests: int
    failovers: int
    example_request_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LatencyChange:
    """The 95th percentile of a model's latency in milliseconds, in the window and in one as long right before it."""

    model: str
    requests: int
    p95_ms: float
    requests_before: int
    p95_ms_before: float


@dataclass(frozen=True, slots=True)
class Ratings:
    """What people said of a model's answers on a pattern, over as long as ratings are evidence.

    ``stars_sum`` and ``stars_squares_sum`` add up stars, 1 to 5, and their squares; ``judged`` counts ratings that say
    whether the answer was correct, ``correct`` those that say it was.
    """

    model: str
    pattern: str
    count: int
    stars_sum: int
    stars_squares_sum: int
    judged: int = 0
    correct: int = 0

    def __add__(self, other: "Ratings") -> "Ratings":
        return Ratings(
            self.model,
            self.pattern,
            self.count + other.count,
            self.stars_sum + other.stars_sum,
            self.stars_squares_sum + other.stars_squares_sum,
            self.judged + other.judged,
            self.correct + other.correct,
        )


@dataclass(frozen=True, slots=True)
class OfferedModel:
    """A model that routing may choose for the team, with its price in nano-dollars per million tokens."""

    model: str
    input_nano_usd_per_mtok: int
    output_nano_usd_per_mtok: int

    def cost_nano_usd(self, input_tokens: int, output_tokens: int) -> int:
        """Return what these tokens cost at the plain rates, rounded down."""
        rates = input_tokens * self.input_nano_usd_per_mtok + output_tokens * self.output_nano_usd_per_mtok
        return rates // 1_000_000


@dataclass(frozen=True, slots=True)
class RepeatedPrompt:
    """A prompt that was paid for more than once in the window.

    ``repeats`` counts the requests that the response cache would have answered: the same prompt, parameters and model
    as one before it, within the lifetime of a cached answer; ``repeats_cost_nano_usd`` is what they cost.
    """

    prompt_fingerprint: str
    model: str
    requests: int
    repeats: int
    repeats_cost_nano_usd: int
    example_request_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TokenLimit:
    """How much of ``max_tokens`` the requests of a pattern to a model use, where all asked for the same limit.

    ``truncated_requests`` ended because the limit was reached. ``reserved_nano_usd`` was held back from budgets for
    them in all until they ended, ``cost_nano_usd`` is what they came to.
    """

    model: str
    pattern: str
    max_tokens: int
    requests: int
    p99_output_tokens: int
    most_output_tokens: int
    truncated_requests: int
    reserved_nano_usd: int
    cost_nano_usd: int


@dataclass(frozen=True, slots=True)
class RunningExperiment:
    """An experiment that has not been ended; ``is_decided`` says its last analysis was final."""

    experiment_id: int
    name: str
    started_on: date
    last_request_on: date | None
    requests: int
    planned_requests: int | None
    is_decided: bool
    winner: str | None = None


@dataclass(frozen=True, slots=True)
class Observations:
    """All that the detectors may know.

    ``starts_on`` is the window's first day, ``ends_before`` the day after its last. ``overrides`` are pairs of pattern
    and model: where routing already sends a pattern. A part that could not be gathered is empty: nothing is found
    there. The order within a part changes nothing.

    Raises:
        ValueError: The window has no day in it.
    """

    starts_on: date
    ends_before: date
    traffic: tuple[ModelPattern, ...] = ()
    days: tuple[ModelDay, ...] = ()
    first_choices: tuple[FirstChoice, ...] = ()
    latencies: tuple[LatencyChange, ...] = ()
    ratings: tuple[Ratings, ...] = ()
    offered: tuple[OfferedModel, ...] = ()
    repeated_prompts: tuple[RepeatedPrompt, ...] = ()
    token_limits: tuple[TokenLimit, ...] = ()
    experiments: tuple[RunningExperiment, ...] = ()
    overrides: tuple[tuple[str, str], ...] = ()
    is_cache_on: bool = False

    def __post_init__(self) -> None:
        if self.ends_before <= self.starts_on:
            raise ValueError(f"A window needs a day at least; {self.starts_on} to {self.ends_before} has none.")

    @property
    def window_days(self) -> int:
        return (self.ends_before - self.starts_on).days

    @property
    def monthly_cost_nano_usd(self) -> int:
        """The window's spend, carried on for a month of 30 days."""
        return self.per_month(sum(part.cost_nano_usd for part in self.traffic))

    def per_month(self, amount: int) -> int:
        """Carry an amount of the window on for a month of 30 days, rounded down."""
        return amount * DAYS_PER_MONTH // self.window_days

    def ratings_of(self, model: str, pattern: str | None = None) -> Ratings:
        """Return the ratings of a model, on one pattern or on all of them together."""
        wanted = (part for part in self.ratings if part.model == model and pattern in (None, part.pattern))
        return sum(wanted, Ratings(model, pattern or "", 0, 0, 0))
