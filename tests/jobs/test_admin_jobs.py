"""What staff see of jobs, and what they decide about what was given up."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from jobs.models import DeadLetter, JobRun, OutboxMessage, Pulse
from jobs.services import clock, dead_letters
from monitoring.services import roles

pytestmark = pytest.mark.django_db
LETTERS = "/admin/jobs/deadletter/"


@pytest.fixture
def letter() -> DeadLetter:
    now = clock.now()
    run = JobRun.objects.create(
        name="learning.tasks.watch",
        period_key="2026-11-22T01:30Z",
        state="dead",
        attempts=4,
        created_at=now,
        started_at=now,
        finished_at=now,
        error="ValueError: no luck",
    )
    OutboxMessage.objects.create(handler="alerts.send", created_at=now, due_at=now)
    Pulse.objects.create(name="jobs.tasks.sweep", last_success_at=now)
    return dead_letters.keep(run, now)


def decide(client: Client, action: str, letter: DeadLetter, **more: str) -> str:
    chosen: dict[str, Any] = {"action": action, "_selected_action": [letter.pk], **more}
    return client.post(LETTERS, chosen, follow=True).content.decode()


@pytest.mark.parametrize(
    ("page", "shown"),
    [
        ("jobrun", "ValueError: no luck"),
        ("jobrun/?name=learning.tasks.watch", "2026-11-22T01:30Z"),
        ("outboxmessage", "alerts.send"),
        ("pulse", "jobs.tasks.sweep"),
        ("deadletter", "ValueError: no luck"),
    ],
)
def test_every_list_shows_its_rows(admin_client: Client, letter: DeadLetter, page: str, shown: str) -> None:
    assert shown in admin_client.get(f"/admin/jobs/{page}", follow=True).content.decode()


def test_a_dead_letter_is_tried_again_once_it_is_confirmed(admin_client: Client, letter: DeadLetter) -> None:
    assert "four new attempts" in decide(admin_client, "retry", letter)
    letter.refresh_from_db()
    assert letter.outcome == ""

    decide(admin_client, "retry", letter, confirmed="yes", reason="the provider is back")

    letter.refresh_from_db()
    assert (letter.outcome, letter.decided_by) == ("retried", "admin")
    assert JobRun.objects.get().state == "queued"
    again = decide(admin_client, "dismiss", letter, confirmed="yes", reason="twice")
    assert "was decided about before" in again


def test_an_unreadable_message_can_only_be_dismissed(admin_client: Client) -> None:
    letter = dead_letters.keep_message(name="unknown\0", reason="It is no JSON.", body="x" * 20_000)

    assert "dismiss it" in decide(admin_client, "retry", letter, confirmed="yes", reason="try")
    decide(admin_client, "dismiss", letter, confirmed="yes", reason="garbage")

    letter.refresh_from_db()
    assert (letter.outcome, len(letter.body)) == ("dismissed", 10_000)


def test_viewers_see_and_decide_nothing(client: Client, letter: DeadLetter) -> None:
    roles.keep()
    viewer = User.objects.create_user("vera", is_staff=True)
    viewer.groups.add(Group.objects.get(name=roles.VIEWER))
    client.force_login(viewer)

    decide(client, "dismiss", letter, confirmed="yes", reason="why not")

    letter.refresh_from_db()
    assert letter.outcome == ""
