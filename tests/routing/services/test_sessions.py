import pytest

from routing.domain.situation import SessionUse
from routing.domain.usage import Usage
from routing.services import sessions

USAGE = Usage(input_tokens=1_000, cached_input_tokens=600, cache_write_tokens=100)


@pytest.fixture(autouse=True)
def no_sessions():
    sessions.reset()
    yield
    sessions.reset()


def test_session_remembers_its_model_and_what_the_provider_cached() -> None:
    sessions.note(1, "s", "a/held", USAGE, now=0.0)
    assert sessions.find(1, "s", now=1.0) == SessionUse("a/held", input_tokens=1_000, cached_tokens=700)


def test_sessions_of_the_same_name_belong_to_their_teams() -> None:
    sessions.note(1, "s", "a/held", USAGE, now=0.0)
    assert sessions.find(2, "s", now=1.0) is None


def test_session_is_forgotten_when_the_prompt_cache_has_ended() -> None:
    sessions.note(1, "s", "a/held", USAGE, now=0.0)
    assert sessions.find(1, "s", now=300.0) is not None
    assert sessions.find(1, "s", now=300.1) is None


def test_last_answer_counts() -> None:
    sessions.note(1, "s", "a/first", USAGE, now=0.0)
    sessions.note(1, "s", "a/second", Usage(input_tokens=5), now=200.0)
    assert sessions.find(1, "s", now=400.0) == SessionUse("a/second", input_tokens=5, cached_tokens=0)


def test_session_used_least_recently_makes_room() -> None:
    for number in range(sessions.MAX_SESSIONS):
        sessions.note(1, str(number), "a/held", USAGE, now=0.0)
    sessions.note(1, "0", "a/held", USAGE, now=1.0)
    sessions.note(1, "new", "a/held", USAGE, now=1.0)
    assert sessions.find(1, "0", now=1.0) is not None
    assert sessions.find(1, "1", now=1.0) is None


def test_session_is_another_one_in_each_arm_of_an_experiment_and_outside() -> None:
    sessions.note(1, "s", "a/control", USAGE, arm=(42, "control"), now=0.0)
    sessions.note(1, "s", "a/test", USAGE, arm=(42, "test"), now=0.0)
    control, test = (sessions.find(1, "s", arm=(42, arm), now=1.0) for arm in ("control", "test"))
    assert control is not None
    assert test is not None
    assert (control.model_name, test.model_name) == ("a/control", "a/test")
    assert sessions.find(1, "s", now=1.0) is None
