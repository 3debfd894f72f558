import pytest
from django.test import Client

from monitoring.selectors.database.report import redacted

pytestmark = pytest.mark.django_db

PAGE = "/admin/database/"


def test_the_page_names_the_tables_and_says_that_all_migrations_are_there(admin_client: Client) -> None:
    answer = admin_client.get(PAGE)

    assert answer.status_code == 200
    assert "routing_metrics" in {table.name for table in answer.context["report"].tables}
    assert "ledger_team_time" in {index.name for index in answer.context["report"].indexes}
    assert answer.context["missing_migrations"] == []
    assert answer.context["report"].bytes > 0


def test_the_values_of_a_statement_are_not_shown() -> None:
    assert redacted("SELECT *\n FROM t1 WHERE a = 'it''s me' AND b > 12.5") == "SELECT * FROM t1 WHERE a = ? AND b > ?"
    assert redacted("INSERT INTO t VALUES ('cut off wit") == "INSERT INTO t VALUES (?"
    assert redacted("x" * 400) == "x" * 300 + " …"
