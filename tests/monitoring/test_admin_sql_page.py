"""The admin's SQL page: off unless switched on, for superusers, and nothing is run without a record."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from tests import factories

pytestmark = pytest.mark.django_db

PAGE = "/admin/sql/"


@pytest.fixture(autouse=True)
def switched_on(settings: Any) -> None:
    settings.ADMIN_SQL_PAGE = True


def records() -> list[str]:
    return list(LogEntry.objects.values_list("change_message", flat=True))


def test_it_is_off_unless_it_is_switched_on(admin_client: Client, settings: Any) -> None:
    settings.ADMIN_SQL_PAGE = False

    assert admin_client.get(PAGE).status_code == 404
    assert PAGE not in admin_client.get("/admin/").content.decode()


def test_it_is_for_superusers(client: Client) -> None:
    client.force_login(factories.staff(role="admin"))

    assert client.get(PAGE).status_code == 403
    assert client.post(PAGE, {"statement": "SELECT 1"}).status_code == 403
    assert records() == []


def test_an_answer_is_shown_and_recorded(admin_client: Client) -> None:
    shown = admin_client.post(PAGE, {"statement": "SELECT 6 * 7 AS answer, NULL AS empty_one"}).content.decode()

    assert '<th scope="col">answer</th>' in shown
    assert "<td>42</td>" in shown
    assert PAGE in admin_client.get("/admin/").content.decode()
    [record] = records()
    assert record.startswith("SQL: SELECT 6 * 7 AS answer, NULL AS empty_one\n-- 1 rows in ")
    assert LogEntry.objects.get().user.get_username() == "admin"


def test_a_refusal_is_told_and_recorded(admin_client: Client) -> None:
    answer = admin_client.post(PAGE, {"statement": "SELECT 1; SELECT 2"})

    assert answer.status_code == 422
    assert "One statement only" in answer.content.decode()
    assert "-- refused: One statement only" in records()[0]


def test_text_of_the_database_is_not_taken_for_markup(admin_client: Client) -> None:
    shown = admin_client.post(PAGE, {"statement": "SELECT '<script>alert(1)</script>' AS x"}).content.decode()

    assert "<td>&lt;script&gt;alert(1)&lt;/script&gt;</td>" in shown


def test_an_answer_is_downloaded_as_csv_without_formulas(admin_client: Client) -> None:
    answer = admin_client.post(PAGE, {"statement": "SELECT '=1+1' AS formula, 7 AS number", "csv": "1"})

    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.getvalue() == b"formula,number\r\n'=1+1,7\r\n"
