"""What was decided about an experiment before its first request: nothing here may follow from its data."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from experiments.domain import metrics, non_inferiority
from experiments.domain.metrics import Metric, Scale
from routing.domain.traffic_split import check_weights

Mode = Literal["group_sequential", "sequential", "fixed"]
Denominator = Literal["reference_cost", "requests"]
MODES: tuple[Mode, ...] = ("group_sequential", "sequential", "fixed")
# Margins of metrics that were measured without anybody having asked for a guardrail on them.
DEFAULT_MARGINS = {"quality": 0.05, "latency": 0.2, "error_rate": 0.02}
# Ratings missing from one arm are a fault of the measurement, and no matter of the experiment's own alpha.
RATING_SHARE_ALPHA = 0.01
_RATING_SHARE_EFFECT = 0.1


class InvalidPlan(ValueError):
    """An experiment that cannot be analyzed as asked; the message names the setting and what it may be."""


@dataclass(frozen=True, slots=True)
class Guardrail:
    """How much worse an arm may be: a share of the other arm's value, for ``error_rate`` a difference of rates.

    ``is_asked_for``: a metric that nobody measured then blocks a winner.
    """

    metric: str
    margin: float
    is_asked_for: bool = True

    def __post_init__(self) -> None:
        if self.metric not in metrics.GUARDS:
            raise InvalidPlan(f"A guardrail can be on {', '.join(metrics.GUARDS)}; not on {self.metric!r}.")
        if not 0 < self.margin < self._limit:
            raise InvalidPlan(f"The margin of {self.metric} must lie between 0 and {self._limit:g}.")

    @property
    def _limit(self) -> float:
        return 1.0 if self.metric in ("quality", "error_rate") else 10.0


@dataclass(frozen=True, slots=True)
class Minima:
    """What there must be before anything is decided; units and effective units are counted in each arm."""

    requests: int = 100
    units: int = 20
    effective_units: float = 10.0
    hours: float = 24.0

    def __post_init__(self) -> None:
        for name in ("requests", "units", "effective_units", "hours"):
            if not 0 <= getattr(self, name) < math.inf:
                raise InvalidPlan(f"The minimum of {name.replace('_', ' ')} must be a number from 0 up.")


@dataclass(frozen=True, slots=True)
class ExperimentPlan:
    """The analysis of an experiment as it was created.

    Attributes:
        control: name of the arm that the others are compared with.
        weights: shares of traffic of all arms, adding up to 1.
        sample_size: planned requests of all arms together.
        mode: None takes ``group_sequential`` with a sample size and ``sequential`` without.
        alpha: chance of naming a winner among equals, over the whole experiment.
        power: chance of finding ``min_effect``, for which sizes are computed.
        min_effect: smallest reduction of cost worth finding, as a share.
        tau: scale of the effects the anytime-valid test bets on, in logarithms; by default the minimum effect.
        denominator: what cost is divided by; ``reference_cost`` falls back to ``requests`` where none was recorded.
        guardrails: those asked for; measured metrics without one are held to DEFAULT_MARGINS.
        all_guardrails: those asked for, and the default ones of the other metrics.

    Raises:
        InvalidPlan: from the constructor.
    """

    control: str
    weights: Mapping[str, float]
    sample_size: int | None = None
    mode: Mode | None = None
    alpha: float = 0.05
    power: float = 0.8
    min_effect: float = 0.1
    tau: float | None = None
    denominator: Denominator = "reference_cost"
    guardrails: tuple[Guardrail, ...] = ()
    minima: Minima = Minima()
    all_guardrails: tuple[Guardrail, ...] = field(init=False)

    def __post_init__(self) -> None:
        asked = {guardrail.metric for guardrail in self.guardrails}
        defaults = [Guardrail(name, margin, False) for name, margin in DEFAULT_MARGINS.items() if name not in asked]
        object.__setattr__(self, "all_guardrails", (*self.guardrails, *defaults))
        try:
            check_weights(self.weights)
        except ValueError as error:
            raise InvalidPlan(str(error)) from error
        if self.control not in self.weights:
            raise InvalidPlan(f"The control arm {self.control!r} is none of {', '.join(self.weights)}.")
        self._check_numbers()
        self._check_choices()

    @property
    def effective_mode(self) -> Mode:
        """The mode in force."""
        return self.mode or ("sequential" if self.sample_size is None else "group_sequential")

    def effect_to_find(self, metric: Metric, scale: Scale) -> float:
        """Return the size of effect, above zero, by which tests of this metric are scaled and sized."""
        if metric is metrics.RATING_SHARE:
            return _RATING_SHARE_EFFECT
        own = (guardrail.margin for guardrail in self.all_guardrails if guardrail.metric == metric.name)
        margin = next(own, self.min_effect)
        better = metric.better if metric.name in metrics.GUARDS else "higher"
        return abs(non_inferiority.worst_effect(margin, better, scale))

    def _check_numbers(self) -> None:
        shares = {"alpha": self.alpha, "power": self.power, "min_effect": self.min_effect}
        for name, share in shares.items():
            if not 0 < share < 1:
                raise InvalidPlan(f"{name} must lie between 0 and 1.")
        if self.alpha < 1e-6:
            raise InvalidPlan("alpha must be at least 0.000001.")
        if self.tau is not None and not 0 < self.tau < 100:
            raise InvalidPlan("tau must be a positive number, at most 100.")
        if self.sample_size is not None and not 0 < self.sample_size < 10**12:
            raise InvalidPlan("sample_size must be a positive number of requests.")

    def _check_choices(self) -> None:
        if self.mode is not None and self.mode not in MODES:
            raise InvalidPlan(f"mode must be one of {', '.join(MODES)}.")
        if self.denominator not in ("reference_cost", "requests"):
            raise InvalidPlan("denominator must be reference_cost or requests.")
        if self.effective_mode != "sequential" and self.sample_size is None:
            raise InvalidPlan(f"mode {self.effective_mode} needs a sample_size.")
        asked = [guardrail.metric for guardrail in self.guardrails]
        if len(asked) != len(set(asked)):
            raise InvalidPlan("There can be one guardrail for each metric.")
