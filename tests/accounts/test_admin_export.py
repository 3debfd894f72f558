"""Every list as CSV: what is selected and filtered, in its columns, safe to open."""

import asyncio
import csv
import io
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.handlers.asgi import ASGIRequest
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext

from accounts.admin import spreadsheet
from accounts.admin.base import dollars
from accounts.models import Team
from tests import factories

pytestmark = pytest.mark.django_db

TEAMS = "/admin/accounts/team/"


def exported(client: Client, url: str, *chosen: Any, **fields: str) -> list[list[str]]:
    answer = client.post(url, {"action": "export_csv", "_selected_action": list(chosen), **fields})
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.reader(io.StringIO(answer.getvalue().decode())))


def test_selected_rows_are_sent_in_the_columns_of_the_list(admin_client: Client) -> None:
    red, _blue = factories.team("red"), factories.team("blue")

    head, *rows = exported(admin_client, TEAMS, red.pk)

    assert head[:3] == ["slug", "name", "is active"]
    assert [row[:3] for row in rows] == [["red", "Red", "True"]]


def test_all_rows_that_the_filter_leaves_are_sent(admin_client: Client) -> None:
    for slug, is_active in (("red", True), ("blue", False), ("green", True)):
        factories.team(slug, is_active=is_active)
    one = Team.objects.first()
    assert one is not None

    rows = exported(admin_client, f"{TEAMS}?is_active__exact=1", one.pk, select_across="1")[1:]

    assert [row[0] for row in rows] == ["green", "red"]


def test_formulas_are_text_and_amounts_are_numbers(admin_client: Client) -> None:
    key, _ = factories.api_key(name='=HYPERLINK("http://evil")')

    row = exported(admin_client, "/admin/accounts/apikey/", key.pk)[1]

    assert row[1] == '\'=HYPERLINK("http://evil")'
    # 2.5 thousandths of a dollar lost.
    assert [str(spreadsheet.cell(value)) for value in (dollars(-2_500_000), "-1", -1, None)] == [
        "-0.0025",
        "'-1",
        "-1",
        "None",
    ]


def test_rows_are_read_as_they_are_sent_in_few_queries(admin_client: Client) -> None:
    keys = [factories.api_key()[0].pk for _ in range(8)]

    with CaptureQueriesContext(connection) as queries:
        rows = exported(admin_client, "/admin/accounts/apikey/", *keys)

    assert len(rows) == 9
    assert len([query for query in queries if 'FROM "accounts_apikey"' in query["sql"]]) <= 2


def test_no_more_rows_are_sent_than_a_spreadsheet_takes(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreadsheet, "MOST_ROWS", 2)
    teams = [factories.team().pk for _ in range(3)]

    assert len(exported(admin_client, TEAMS, *teams)) == 3


def test_who_may_not_see_a_table_gets_no_export_of_it(client: Client) -> None:
    team = factories.team()
    user = User.objects.create_user("viewer", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_provider"))
    client.force_login(user)

    assert client.post(TEAMS, {"action": "export_csv", "_selected_action": [team.pk]}).status_code == 403


def test_under_asgi_rows_are_sent_a_part_at_a_time() -> None:
    request = ASGIRequest({"type": "http", "method": "GET", "path": "/", "headers": []}, io.BytesIO())
    rows = ((number,) for number in range(1_200))
    answer = spreadsheet.response(request, "x.csv", ["n"], rows)

    async def parts() -> list[bytes]:
        return [part async for part in answer]

    # The heading counts as a line of the first part of 500.
    assert [part.count(b"\r\n") for part in asyncio.run(parts())] == [500, 500, 201]
    assert spreadsheet.response(RequestFactory().get("/"), "x.csv", ["n"], ()).getvalue() == b"n\r\n"
