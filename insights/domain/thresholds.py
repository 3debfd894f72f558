"""From where on something is worth a finding. Data, so that a team can be given other values."""

from dataclasses import dataclass

ONE_USD = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Limits of the detectors; shares lie in [0, 1], money is in nano-dollars, stars are 1 to 5.

    Attributes:
        min_monthly_savings_nano_usd: A saving below this is not worth anybody's time.
        min_savings_share: A cheaper model must save at least this share of what the dearer one costs.
        quality_margin_stars: How much worse a cheaper model's mean rating may be.
        min_quality_stars: A mean rating below it is low.
        min_correctness: A share of correct answers below it is low.
        min_ratings: Ratings needed before they say anything.
        min_dominated_ratings: Ratings of both models needed to call one dominated.
        failover_share: Share of requests that another model had to answer, above which it is a spike.
        latency_ratio: The 95th percentile against that of the window before.
        spend_ratio: The window's spend a day against that of the four weeks before.
        min_requests: Requests below which shares and percentiles say nothing.
        token_limit_ratio: ``max_tokens`` against the 99th percentile of the tokens answered.
        token_headroom: What a suggested limit leaves above that percentile, as a factor.
        min_rated_share: Share of requests with a rating, below which learning has too little.
        min_rateable_requests: Requests of a pattern below which nobody is asked for ratings.
        stale_experiment_days: How long an experiment may run; one without traffic, a quarter of it.
        low_confidence_share: Share of decisions with low confidence.
    """

    min_monthly_savings_nano_usd: int = ONE_USD
    min_savings_share: float = 0.2
    quality_margin_stars: float = 0.25
    min_quality_stars: float = 3.5
    min_correctness: float = 0.7
    min_ratings: int = 5
    min_dominated_ratings: int = 10
    failover_share: float = 0.05
    latency_ratio: float = 2.0
    spend_ratio: float = 1.5
    min_requests: int = 20
    token_limit_ratio: float = 4.0
    token_headroom: float = 1.5
    min_rated_share: float = 0.01
    min_rateable_requests: int = 200
    stale_experiment_days: int = 28
    low_confidence_share: float = 0.3


DEFAULTS = Thresholds()
