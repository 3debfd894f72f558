"""The graders there are, one module each."""

from collections.abc import Callable, Mapping

from learning.services.graders import http, judge, reference
from learning.services.graders.base import Context, Grader, InvalidGrader

BUILDERS: Mapping[str, Callable[[Context], Grader]] = {module.NAME: module.build for module in (reference, http, judge)}


def build(name: str, context: Context) -> Grader:
    """Return the grader of this name; raises InvalidGrader when there is none, or its settings cannot be used."""
    builder = BUILDERS.get(name)
    if builder is None:
        raise InvalidGrader(f"Unknown grader {name[:40]!r}: use one of {', '.join(BUILDERS)}.")
    return builder(context)
