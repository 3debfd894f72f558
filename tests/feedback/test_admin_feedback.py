from datetime import UTC, datetime

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests import factories

pytestmark = pytest.mark.django_db
LIST = "/admin/feedback/responsefeedback/"


def test_rating_links_to_its_ledger_entry(admin_client: Client) -> None:
    team = factories.team()
    entry = factories.ledger_entry(team)
    row = factories.feedback(team, ledger_request_id=entry.request_id, created_at=timezone.now())
    link = f'href="{reverse("admin:routing_ledgerentry_change", args=(entry.request_id,))}"'

    assert link in admin_client.get(LIST).content.decode()
    shown = admin_client.get(f"{LIST}{row.id}/change/").content.decode()
    assert link in shown
    assert "$0.001" in shown


def test_unlinked_rating_shows_what_the_caller_sent(admin_client: Client) -> None:
    factories.feedback(
        factories.team(), linked=False, ledger_request_id=None, request_id="<b>x</b>", created_at=timezone.now()
    )

    assert "&lt;b&gt;x&lt;/b&gt;" in admin_client.get(LIST).content.decode()


def test_hashes_are_not_shown(admin_client: Client) -> None:
    row = factories.feedback(factories.team(), idempotency_hash="a1" * 32, body_hash="b2" * 32)

    shown = admin_client.get(f"{LIST}{row.id}/change/").content.decode()

    assert "a1" * 32 not in shown
    assert "b2" * 32 not in shown


@pytest.mark.parametrize(("field", "term"), [("user_id", "ann"), ("served_model", "rare"), ("request_id", "mine")])
def test_search_is_for_whole_words(admin_client: Client, field: str, term: str) -> None:
    team = factories.team()
    factories.feedback(team, created_at=timezone.now())
    factories.feedback(team, created_at=timezone.now(), linked=field != "request_id", **{field: term})

    found = [admin_client.get(LIST, {"q": query}).context["cl"].result_count for query in (f" {term} ", term[:-1])]

    assert found == [1, 0]


def test_search_finds_a_request_in_any_spelling(admin_client: Client) -> None:
    row = factories.feedback(factories.team())
    assert row.ledger_request_id is not None

    assert admin_client.get(LIST, {"q": row.ledger_request_id.hex}).context["cl"].result_count == 1


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("linked__exact=1", 1),
        ("linked__exact=0", 0),
        ("quality_score=4", 1),
        ("quality_score=5", 0),
        ("pattern=general", 1),
        ("pattern=code", 0),
        ("source__exact=token", 0),
        ("created_at__year=2026&created_at__month=3", 1),
        ("created_at__year=2025", 0),
    ],
)
def test_list_can_be_narrowed(admin_client: Client, query: str, found: int) -> None:
    team = factories.team()
    factories.feedback(team, created_at=timezone.now())
    factories.feedback(team, created_at=datetime(2026, 3, 4, tzinfo=UTC))

    assert admin_client.get(f"{LIST}?{query}").context["cl"].result_count == found
