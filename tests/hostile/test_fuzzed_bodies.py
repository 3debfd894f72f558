"""Random bodies over a real socket: whatever comes is answered, and nothing is our fault."""

from hypothesis import HealthCheck, Phase, given, settings

from tests.fuzz.mutations import raw_bodies
from tests.hostile.raw import CHAT, RawClient


# The rows stay from body to body, which is what the health check of function-scoped fixtures warns of.
@settings(
    max_examples=150,
    deadline=None,
    phases=(Phase.generate,),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(raw=raw_bodies())
def test_damaged_body_is_answered(client: RawClient, raw: bytes) -> None:
    answer = client.post(CHAT, raw.replace(b'"auto"', b'"ok"', 1))

    assert answer.is_harmless_for(CHAT), answer
