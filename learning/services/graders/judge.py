"""Lets a model grade, through the gateway, and measures how far it can be believed."""

import hashlib

from learning.domain import judging, reference_grading
from learning.services.gateway_client import CallFailed, GatewayClient, Question
from learning.services.graders.base import Context, Grade, GradedAnswer, Grader, GradingFailed, InvalidGrader
from learning.services.graders.references import References

NAME = "judge"
REPEAT_SHARE = 0.2


class JudgeGrader:
    """Asks ``model`` at temperature 0, and for a share of the answers a second time; shows it references it has."""

    def __init__(self, gateway: GatewayClient, references: References, *, model: str, mode: str) -> None:
        self._gateway = gateway
        self._references = references
        self._model = model
        self._mode = mode

    def grade(self, given: GradedAnswer) -> Grade:
        asked: list[str] = []
        reference = self._references.get(given.request_id, given.prompt)
        quality = self._ask(given, 1, asked)
        repeated = self._second(given, asked) if is_repeated(given.key) else None
        by_reference = None
        if reference is not None:
            by_reference = reference_grading.grade(given.answer, reference, mode=self._mode)
        return Grade(quality, tuple(asked), repeated, by_reference)

    def _second(self, given: GradedAnswer, asked: list[str]) -> float | None:
        """Ask again; an answer that has its grade keeps it when this fails."""
        try:
            return self._ask(given, 2, asked)
        except GradingFailed as error:
            asked[:] = dict.fromkeys((*asked, *error.request_ids))
            return None

    def _ask(self, given: GradedAnswer, number: int, asked: list[str]) -> float:
        # The reference is kept from the judge: agreement with it is to say how the judge does without.
        question = Question(
            model=self._model,
            messages=judging.messages(
                prompt=given.prompt,
                answer=given.answer,
                mark=hashlib.blake2b(f"{self._gateway.api_key} {given.key}".encode(), digest_size=8).hexdigest(),
            ),
            max_tokens=judging.MAX_OUTPUT_TOKENS,
            idempotency_key=f"{given.key}-judge-{number}",
            temperature=0.0,
        )
        try:
            reply = self._gateway.ask(question)
        except CallFailed as error:
            raise GradingFailed(
                f"judge_{error.code}", str(error), request_ids=(*asked, *error.request_ids), is_fatal=error.is_fatal
            ) from error
        asked.extend(reply.request_ids)
        try:
            return judging.quality(reply.text)
        except judging.Unreadable as error:
            raise GradingFailed("judge_unreadable", str(error), request_ids=tuple(asked)) from error


def is_repeated(key: str) -> bool:
    """Tell whether an answer is graded twice: a fifth of them, the same ones each time."""
    digest = hashlib.blake2b(key.encode(), digest_size=8).digest()
    return int.from_bytes(digest) < REPEAT_SHARE * 2**64


def build(context: Context) -> Grader:
    """Return the grader; raises InvalidGrader without a judge or for an unknown way to compare with references."""
    model = str(context.settings.get("model", ""))
    mode = str(context.settings.get("mode", "normalized"))
    if not model:
        raise InvalidGrader("This calibration grades by a judge model: name it with --judge.")
    if mode not in reference_grading.MODES:
        raise InvalidGrader(f"Unknown way to compare {mode[:40]!r}: use one of {', '.join(reference_grading.MODES)}.")
    return JudgeGrader(context.gateway, context.references, model=model, mode=mode)
