"""Staying with the model of a session while the provider's prompt cache makes another one the dearer choice.

The provider bills what it has cached of a conversation at its cached rate, often a tenth of the input rate. Another
model reads the whole conversation anew at its full rate. So the session's model answers again when

    cost(its input, of which ``cached`` tokens at the cached rate, and output) <= cost(the other's input and output)

with our own count of the input, the tokens that the provider said it cached as ``cached``, and an answer of the
length that the candidate was priced with.
"""

from routing.domain.catalog import Candidate
from routing.domain.costs import expected_cost
from routing.domain.learned_choice import forecast_floor
from routing.domain.situation import Choice, SessionUse, Situation


def live_session(situation: Situation) -> Candidate | None:
    """Return the candidate that served the caller's session, if it still is one."""
    if situation.session is None:
        return None
    name = situation.session.model_name
    return next((candidate for candidate in situation.candidates if candidate.model.full_name == name), None)


def stay(situation: Situation, choice: Choice) -> Choice:
    """Return the session's model in place of ``choice`` where switching costs more than it saves.

    It must clear the floor: its lower bound where it has a forecast, else its expected quality. Where there is no
    floor it must be expected to be as good as the choice. ``situation`` is informed.
    """
    session, held = situation.session, live_session(situation)
    if session is None or held is None or held.model.id == choice.candidate.model.id:
        return choice
    if not _is_good_enough(situation, held, choice) or not _is_cheaper(situation, session, held, choice):
        return choice
    return Choice(
        held,
        choice.confidence,
        f"stays with the session's model, whose prompt cache makes a switch to {choice.candidate.model.full_name} cost "
        f"more than it saves; {choice.reason}",
    )


def _is_good_enough(situation: Situation, held: Candidate, choice: Choice) -> bool:
    floor = forecast_floor(situation) or situation.floor
    wanted = floor.quality if floor is not None else choice.candidate.expected_quality
    reached = held.expected_quality if held.quality_lower is None else held.quality_lower
    return wanted is not None and reached is not None and reached >= wanted


def _is_cheaper(situation: Situation, session: SessionUse, held: Candidate, choice: Choice) -> bool:
    staying = expected_cost(
        held.model,
        situation.features,
        cached_input_tokens=session.cached_tokens,
        output_tokens=held.expected_output_tokens,
    )
    switching = choice.candidate.expected_cost_usd
    return staying is not None and switching is not None and staying <= switching
