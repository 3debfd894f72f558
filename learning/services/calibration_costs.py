"""What replaying a prompt through a model will cost, its judge included: as expected, and at most."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from msgspec.structs import replace

from learning.domain import judging
from learning.services.graders import judge as judge_grader
from routing.domain import costs, failover, prompt_features, tokens
from routing.domain.catalog import ModelSpec
from routing.domain.pricing import to_nano_usd
from routing.domain.prompt import PromptFeatures
from routing.services.attempt_loop import RETRIES_PER_MODEL
from routing.services.snapshot import Snapshot

# Tokenizers differ: an answer of one model may be more tokens to its judge.
_ANSWER_MARGIN = 1.5


class NoPrice(Exception):
    """What a model would cost is not known; the message names it and the cure."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Nano-dollars for one answer and its grading."""

    expected: int
    worst: int


class CostBook:
    """Prices exchanges at what the catalog says now; ``judge`` is the judge's full name, None for other graders."""

    def __init__(self, snapshot: Snapshot, *, max_output_tokens: int, judge: str | None) -> None:
        self._snapshot = snapshot
        self._max_output_tokens = max_output_tokens
        self._judge = judge

    def check(self, model_names: Sequence[str]) -> None:
        """Raise NoPrice unless every model, and the judge, is offered at a known price."""
        for name in (*model_names, *([self._judge] if self._judge else [])):
            self._chain(name)

    def of(self, messages: Sequence[object], model_name: str) -> Costs:
        """Return what one prompt costs with one model; raises NoPrice."""
        body = {"messages": messages, "max_tokens": self._max_output_tokens}
        features = prompt_features.extract(body, task=None)
        answer = self._costs(features, model_name)
        if self._judge is None:
            return answer
        typical = min(self._max_output_tokens, costs.TYPICAL_OUTPUT_TOKENS)
        expected = self._costs(_to_judge(features, typical, judging.TYPICAL_OUTPUT_TOKENS), self._judge).expected
        longest = round(self._max_output_tokens * _ANSWER_MARGIN)
        worst = self._costs(_to_judge(features, longest, judging.MAX_OUTPUT_TOKENS), self._judge).worst
        return Costs(
            answer.expected + round(expected * (1 + judge_grader.REPEAT_SHARE)),
            answer.worst + 2 * worst,
        )

    def _costs(self, features: PromptFeatures, model_name: str) -> Costs:
        chain = self._chain(model_name)
        expected = costs.expected_cost(chain[0], features)
        assert expected is not None
        # Each provider of the model may be asked once more, and may bill what it did not answer.
        worst = 0
        for model in chain:
            most = costs.worst_case_cost(
                model,
                input_tokens=tokens.for_model(features.input_tokens, model.name),
                max_output_tokens=features.max_output_tokens,
            )
            assert most is not None
            worst += (1 + RETRIES_PER_MODEL) * to_nano_usd(most)
        return Costs(to_nano_usd(expected), worst)

    def _chain(self, name: str) -> tuple[ModelSpec, ...]:
        offers = [model for model in self._snapshot.resolve(name) if model.price is not None]
        if not offers:
            raise NoPrice(
                f"What {name!r} costs is not known, or no reachable provider offers it: leave it out, set its "
                "provider's key, or enter its price in the admin (Language models)."
            )
        return (offers[0], *failover.equivalents(offers[0], offers))


def _to_judge(features: PromptFeatures, answer_tokens: int, output_tokens: int) -> PromptFeatures:
    return replace(
        features,
        input_tokens=features.input_tokens + answer_tokens + _rubric_tokens(),
        max_output_tokens=output_tokens,
    )


@cache
def _rubric_tokens() -> int:
    # On first use, because counting loads the vocabulary; with room for what stands around the rubric.
    return tokens.count(judging.RUBRIC) + 100
