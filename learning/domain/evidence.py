"""What is known of one model on one pattern, from the ratings that count."""

import math
from dataclasses import dataclass
from fractions import Fraction

MICRO = 1_000_000
# A model appears from this many ratings on.
MIN_ROWS = 3
# Below this many requests since a change of price, what they cost is too little to tell a model's cost from.
MIN_COSTS_AT_NEW_PRICE = 5


@dataclass(frozen=True, slots=True)
class Regulars:
    """The named people who rated a model more than once on a pattern, as sums of whole numbers over these people.

    Attributes:
        votes_square_sum: Of the squares of how often each rated.
        star_square_sum: Of the squares of the stars.
        mean_square_sum: Of each person's stars, summed, squared and divided by how often they rated, in millionths.
    """

    people: int = 0
    votes: int = 0
    votes_square_sum: int = 0
    star_sum: int = 0
    star_square_sum: int = 0
    mean_square_sum: int = 0


@dataclass(frozen=True, slots=True)
class Evidence:
    """The ratings of one model on one pattern, as sums of whole numbers.

    Whole numbers, because their sums do not depend on the order in which a database adds them up: the same ratings give
    the same figures to the last digit.

    Attributes:
        star_sum: Of 1 to 5 stars a rating.
        star_square_sum: Of the squares of the stars.
        judged_count: Ratings that say whether the answer was correct; the others are no evidence of it.
        distinct_users: Named people, and each key's unnamed ratings as one more, for nobody knows how many they are.
        voice_sum: The mean stars of each voice in millionths, times its weight, summed. A named person is one voice
            however often they rate; an unnamed rating is one. Weights halve with age.
        voice_weight: Sum of those weights.
        aged_star_sum: The stars of every rating times its weight, summed.
        aged_weight: Sum of those weights, however many ratings a person gave.
        cost_count: Rated requests whose cost is known and that were not answered from the cache.
        cost_nano_usd: What those cost together.
        new_price_count: Those among them made since the model's price last changed.
        new_price_nano_usd: What these cost together.
    """

    pattern: str
    provider: str
    model: str
    sample_count: int
    star_sum: int
    star_square_sum: int
    correct_count: int
    judged_count: int
    distinct_users: int
    voice_sum: int
    voice_weight: int
    aged_star_sum: int
    aged_weight: int
    regulars: Regulars = Regulars()
    cost_count: int = 0
    cost_nano_usd: int = 0
    new_price_count: int = 0
    new_price_nano_usd: int = 0

    @property
    def full_name(self) -> str:
        return f"{self.provider}/{self.model}"

    @property
    def avg_quality(self) -> Fraction:
        """Mean stars, 1 to 5, every rating counting the same."""
        return Fraction(self.star_sum, self.sample_count)

    @property
    def robust_quality(self) -> Fraction:
        """Mean stars, 1 to 5, every voice counting the same but for its age."""
        return Fraction(self.voice_sum, self.voice_weight * MICRO)

    @property
    def aged_quality(self) -> Fraction:
        """Mean stars, 1 to 5, every rating counting the same but for its age."""
        return Fraction(self.aged_star_sum, self.aged_weight)

    @property
    def correctness_rate(self) -> Fraction | None:
        """Share of correct answers among those judged; None when none was."""
        return Fraction(self.correct_count, self.judged_count) if self.judged_count else None

    @property
    def standard_error(self) -> float:
        """Standard error of the mean stars: the sample's standard deviation over the root of its size; 0 for one."""
        if self.sample_count < 2:
            return 0.0
        squares = self.star_square_sum - Fraction(self.star_sum**2, self.sample_count)
        return math.sqrt(squares / (self.sample_count - 1) / self.sample_count)

    @property
    def total_cost_nano_usd(self) -> int | None:
        return self.cost_nano_usd if self.cost_count else None

    @property
    def avg_cost_nano_usd(self) -> int | None:
        """What a rated request cost, over the whole window; None when no cost is known."""
        return round(Fraction(self.cost_nano_usd, self.cost_count)) if self.cost_count else None

    @property
    def expected_cost_nano_usd(self) -> int | None:
        """What a request is likely to cost now: as those at today's price did, once there are enough of them."""
        if self.new_price_count >= MIN_COSTS_AT_NEW_PRICE:
            return round(Fraction(self.new_price_nano_usd, self.new_price_count))
        return self.avg_cost_nano_usd
