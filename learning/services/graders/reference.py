"""Grades by comparing with a reference answer."""

from learning.domain import reference_grading
from learning.services.graders.base import Context, Grade, GradedAnswer, Grader, GradingFailed, InvalidGrader
from learning.services.graders.references import References

NAME = "reference"


class ReferenceGrader:
    """Compares in the way ``mode`` names."""

    def __init__(self, references: References, mode: str) -> None:
        self._references = references
        self._mode = mode

    def grade(self, given: GradedAnswer) -> Grade:
        reference = self._references.get(given.request_id, given.prompt)
        if reference is None:
            raise GradingFailed("no_reference", "This prompt has no reference answer in the file.")
        return Grade(reference_grading.grade(given.answer, reference, mode=self._mode))


def build(context: Context) -> Grader:
    """Return the grader; raises InvalidGrader without references or for an unknown way to compare."""
    mode = str(context.settings.get("mode", ""))
    if mode not in reference_grading.MODES:
        raise InvalidGrader(f"Unknown way to compare {mode[:40]!r}: use one of {', '.join(reference_grading.MODES)}.")
    if not len(context.references):
        raise InvalidGrader("This calibration grades by reference answers: give their file with --references.")
    return ReferenceGrader(context.references, mode)
