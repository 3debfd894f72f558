"""Whatever JSON comes, and whatever is nearly JSON, is accepted or refused; the long run is ``make fuzz``."""

import orjson
from hypothesis import HealthCheck, given, settings

from tests.fuzz.entry import Outcome, enter
from tests.fuzz.mutations import VALID, chat_bodies, raw_bodies

thorough = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def test_body_that_the_mutations_start_from_is_accepted() -> None:
    assert enter(orjson.dumps(VALID)) is Outcome.ACCEPTED


@thorough
@given(chat_bodies())
def test_mutated_body_is_accepted_or_refused(body: dict[str, object]) -> None:
    assert enter(orjson.dumps(body)) in Outcome


@thorough
@given(raw_bodies())
def test_damaged_body_is_accepted_or_refused(raw: bytes) -> None:
    assert enter(raw) in Outcome
