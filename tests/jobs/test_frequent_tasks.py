"""Tasks that come every few moments keep their last state, and write only what is news."""

from typing import Any

import pytest

from jobs.models import Pulse
from jobs.services import pulses

pytestmark = pytest.mark.django_db


def succeed() -> None:
    """Do nothing, well."""


def fail() -> None:
    raise ValueError("no luck")


def fail_once() -> None:
    with pytest.raises(ValueError, match="no luck"):
        pulses.beat("a.tasks.b", fail)


def state() -> tuple[Any, ...]:
    pulse = Pulse.objects.get()
    return pulse.is_failing, pulse.failures, pulse.error, pulse.failing_since is not None


def test_successes_in_a_row_are_written_once_a_minute(django_assert_num_queries) -> None:
    pulses.beat("a.tasks.b", succeed)
    first = Pulse.objects.get().last_success_at

    with django_assert_num_queries(0):
        pulses.beat("a.tasks.b", succeed)

    assert Pulse.objects.get().last_success_at == first


def test_every_failure_is_counted_and_the_first_success_ends_it() -> None:
    pulses.beat("a.tasks.b", succeed)
    fail_once()
    since = Pulse.objects.get().failing_since
    fail_once()
    assert state() == (True, 2, "ValueError: no luck", True)
    assert Pulse.objects.get().failing_since == since

    pulses.beat("a.tasks.b", succeed)

    assert state() == (False, 0, "ValueError: no luck", False)
