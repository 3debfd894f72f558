"""What has been learned about routing: one immutable policy, read from the document of its version."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Protocol

import numpy as np

from routing.domain import output_lengths as lengths_domain
from routing.domain.output_lengths import OutputLengths
from routing.domain.prompt import PATTERNS

SCHEMA = 1
STRATEGIES = ("complexity", "learning", "hybrid")
DEFAULT_STRATEGY = "hybrid"
CONFIDENCES = ("high", "medium", "low")
MAX_SHARE = 0.5
DEFAULT_TOLERANCE = 0.02
_STARS = (1.0, 5.0)
# Dollars that a request's whole quality may be worth: far beyond any price on both sides, and never zero.
_WORTHS = (1e-9, 1e6)
_KEYS = (
    "schema",
    "strategy",
    "overrides",
    "quality_floor",
    "tolerance",
    "usd_per_quality",
    "exploration_share",
    "random_share",
)
# Documents without one of these are those of policies that do not know it.
_OPTIONAL_KEYS = ("output_lengths",)


class InvalidPolicy(Exception):
    """A policy that must not route; the message names what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Override:
    """The model a pattern is sent to because its ratings earned it.

    ``confidence`` is one of ``CONFIDENCES``, ``confidence_score`` and ``correctness_rate`` lie in [0, 1],
    ``avg_quality`` is in stars, 1 to 5.
    """

    pattern: str
    provider: str
    model: str
    confidence: str
    confidence_score: float
    sample_count: int
    avg_quality: float
    correctness_rate: float | None

    @property
    def full_name(self) -> str:
        return f"{self.provider}/{self.model}"

    @property
    def expected_quality(self) -> float:
        """The mean of its stars, moved linearly onto [0, 1]: one star is 0, five are 1."""
        worst, best = _STARS
        return (self.avg_quality - worst) / (best - worst)


@dataclass(frozen=True, slots=True)
class Forecast:
    """The quality to expect of a model on one prompt, in [0, 1], and the bound it is likely not below."""

    mean: float
    lower: float

    @property
    def upper(self) -> float:
        """As far above the mean as the lower bound is below it, at most 1."""
        return min(1.0, 2 * self.mean - self.lower)


def is_sound(forecast: Forecast) -> bool:
    """Whether a forecast can be decided by: a mean in [0, 1] and a finite bound not above it."""
    return 0.0 <= forecast.mean <= 1.0 and math.isfinite(forecast.lower) and forecast.lower <= forecast.mean


class Predictor(Protocol):
    """Forecasts the quality of every model it knows on one prompt.

    ``encoder`` names how the vector must have been made; ``model_names`` are full names, ``provider/name``.
    """

    @property
    def encoder(self) -> str: ...

    @property
    def model_names(self) -> tuple[str, ...]: ...

    def forecast(
        self, vector: np.ndarray, *, text: str | None, task: str | None, pattern: str
    ) -> Mapping[str, Forecast]:
        """Return a forecast by full name of the model; ``text`` is None where only the vector was kept."""
        ...


@dataclass(frozen=True, slots=True)
class RoutingPolicy:
    """A policy as decisions are made from it. A ``team_id`` of None is the policy that teams share.

    ``quality_floor`` is the least predicted quality in [0, 1]. Where nobody names a floor, ``usd_per_quality`` weighs
    quality against cost: what the whole of a request's quality, from 0 to 1, is worth. Training finds it such that at
    most ``tolerance`` of the best single model's mean quality is given up. Where it is None too, the floor lies
    ``tolerance`` below the best candidate's predicted quality. The two shares, each in [0, 0.5], are of the
    decisions that try another model than the best known one: one that may turn out better, and any of the shortlist.
    ``output_lengths`` are what candidates are priced with; where they are None, an answer has the typical length.
    """

    version: int
    team_id: int | None
    strategy: str
    overrides: Mapping[str, Override]
    predictor: Predictor | None
    quality_floor: float | None
    tolerance: float
    exploration_share: float
    random_share: float
    usd_per_quality: float | None = None
    output_lengths: OutputLengths | None = None


def document(
    overrides: Iterable[Override] = (),
    *,
    strategy: str = DEFAULT_STRATEGY,
    quality_floor: float | None = None,
    tolerance: float = DEFAULT_TOLERANCE,
    usd_per_quality: float | None = None,
    exploration_share: float = 0.0,
    random_share: float = 0.0,
    output_lengths: OutputLengths | None = None,
) -> dict[str, Any]:
    """Return the document of a policy, the overrides by pattern; equal policies have equal documents."""
    learned = {} if output_lengths is None else {"output_lengths": lengths_domain.document(output_lengths)}
    return {
        "schema": SCHEMA,
        "strategy": strategy,
        "overrides": [asdict(override) for override in sorted(overrides, key=lambda override: override.pattern)],
        "quality_floor": quality_floor,
        "tolerance": tolerance,
        "usd_per_quality": usd_per_quality,
        "exploration_share": exploration_share,
        "random_share": random_share,
        **learned,
    }


def document_of(policy: RoutingPolicy) -> dict[str, Any]:
    """Return the document that ``parse`` reads this policy from."""
    return document(
        policy.overrides.values(),
        strategy=policy.strategy,
        quality_floor=policy.quality_floor,
        tolerance=policy.tolerance,
        usd_per_quality=policy.usd_per_quality,
        exploration_share=policy.exploration_share,
        random_share=policy.random_share,
        output_lengths=policy.output_lengths,
    )


def parse(document: object, *, version: int, team_id: int | None, predictor: Predictor | None) -> RoutingPolicy:
    """Read a policy.

    Raises:
        InvalidPolicy: The document is not of schema 1, has a key too few or too many, or a value of the wrong type or
            outside its range; NaN is in no range. The message names the first thing found wrong.
    """
    if not isinstance(document, Mapping):
        raise InvalidPolicy(f"The document is {_kind(document)}; it must be an object.")
    # Whoever wrote another schema meant other keys: that is said first.
    if "schema" in document and document["schema"] != SCHEMA:
        raise InvalidPolicy(f"schema is {document['schema']!r}; this version of the product reads schema {SCHEMA}.")
    _check_keys(document, _KEYS, "The document", optional=_OPTIONAL_KEYS)
    floor, worth = document["quality_floor"], document["usd_per_quality"]
    return RoutingPolicy(
        version=version,
        team_id=team_id,
        strategy=_one_of(document["strategy"], STRATEGIES, "strategy"),
        overrides=_overrides(document["overrides"]),
        predictor=predictor,
        quality_floor=None if floor is None else _number(floor, "quality_floor", 0.0, 1.0),
        tolerance=_number(document["tolerance"], "tolerance", 0.0, 1.0),
        exploration_share=_number(document["exploration_share"], "exploration_share", 0.0, MAX_SHARE),
        random_share=_number(document["random_share"], "random_share", 0.0, MAX_SHARE),
        usd_per_quality=None if worth is None else _number(worth, "usd_per_quality", *_WORTHS),
        output_lengths=_output_lengths(document),
    )


def _output_lengths(document: Mapping[str, Any]) -> OutputLengths | None:
    if "output_lengths" not in document:
        return None
    try:
        return lengths_domain.parse(document["output_lengths"])
    except ValueError as error:
        raise InvalidPolicy(str(error)) from error


def _overrides(value: object) -> dict[str, Override]:
    if not isinstance(value, list):
        raise InvalidPolicy(f"overrides is {_kind(value)}; it must be a list.")
    found: dict[str, Override] = {}
    for position, entry in enumerate(value):
        override = _override(entry, f"overrides[{position}]")
        if override.pattern in found:
            raise InvalidPolicy(f"overrides[{position}] is the second one for the pattern {override.pattern!r}.")
        found[override.pattern] = override
    return found


def _override(entry: object, where: str) -> Override:
    if not isinstance(entry, Mapping):
        raise InvalidPolicy(f"{where} is {_kind(entry)}; it must be an object.")
    _check_keys(entry, tuple(field.name for field in fields(Override)), where)
    rate = entry["correctness_rate"]
    count = entry["sample_count"]
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise InvalidPolicy(f"{where}.sample_count is {count!r}; it must be a whole number, 0 or more.")
    return Override(
        pattern=_one_of(entry["pattern"], PATTERNS, f"{where}.pattern"),
        provider=_text(entry["provider"], f"{where}.provider"),
        model=_text(entry["model"], f"{where}.model"),
        confidence=_one_of(entry["confidence"], CONFIDENCES, f"{where}.confidence"),
        confidence_score=_number(entry["confidence_score"], f"{where}.confidence_score", 0.0, 1.0),
        sample_count=count,
        avg_quality=_number(entry["avg_quality"], f"{where}.avg_quality", *_STARS),
        correctness_rate=None if rate is None else _number(rate, f"{where}.correctness_rate", 0.0, 1.0),
    )


def _check_keys(
    value: Mapping[Any, Any], known: tuple[str, ...], where: str, *, optional: tuple[str, ...] = ()
) -> None:
    missing = [name for name in known if name not in value]
    if missing:
        raise InvalidPolicy(f"{where} lacks {', '.join(missing)}.")
    known += optional
    unknown = [str(name) for name in value if name not in known]
    if unknown:
        raise InvalidPolicy(f"{where} has unknown keys: {', '.join(unknown)}. Known are {', '.join(known)}.")


def _number(value: object, where: str, least: float, most: float) -> float:
    # JSON's true is an int in Python, and every comparison with NaN is false.
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InvalidPolicy(f"{where} is {value!r}; it must be a number from {least:g} to {most:g}.")
    if not least <= value <= most:
        raise InvalidPolicy(f"{where} is {value!r}; it must lie between {least:g} and {most:g}.")
    return float(value)


def _one_of(value: object, known: tuple[str, ...], where: str) -> str:
    if not isinstance(value, str) or value not in known:
        raise InvalidPolicy(f"{where} is {value!r}; use one of {', '.join(known)}.")
    return value


def _text(value: object, where: str) -> str:
    if not isinstance(value, str) or not value:
        raise InvalidPolicy(f"{where} is {value!r}; it must be a name.")
    return value


def _kind(value: object) -> str:
    return f"of the type {type(value).__name__}"
