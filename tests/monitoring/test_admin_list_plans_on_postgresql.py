"""How PostgreSQL reads the lists of tables that grow with traffic: never the whole table.

With sequential scans priced out of reach, a plan that still has one says that no index can answer the question; and to
count without a limit, or to ask which values there are, would read an index to its end.
"""

import re
import uuid

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

pytestmark = pytest.mark.django_db

SOME_ID = uuid.UUID(int=7)
LISTS = {
    "routing_metrics": (
        "routing/ledgerentry/",
        "routing/ledgerentry/?period=week",
        "routing/ledgerentry/?period=all",
        "routing/ledgerentry/?period=all&p=3",
        "routing/ledgerentry/?state__exact=failed",
        "routing/ledgerentry/?period=all&is_fallback__exact=1",
        "routing/ledgerentry/?period=week&team__id__exact=1",
        "routing/ledgerentry/?period=week&policy_version=1",
        "routing/ledgerentry/?period=week&experiment_id=1",
        f"routing/ledgerentry/?q={SOME_ID}",
    ),
    "response_feedback": (
        "feedback/responsefeedback/",
        "feedback/responsefeedback/?period=all",
        "feedback/responsefeedback/?linked__exact=0",
        "feedback/responsefeedback/?quality_score=1&pattern=code",
        "feedback/responsefeedback/?team__id__exact=1&is_correct__exact=0",
        "feedback/responsefeedback/?q=someone",
        f"feedback/responsefeedback/?q={SOME_ID}",
    ),
    "routing_storedprompt": ("routing/storedprompt/", f"routing/storedprompt/?q={SOME_ID}"),
    "routing_promptembedding": ("routing/promptembedding/", f"routing/promptembedding/?q={SOME_ID}"),
    "response_cache": ("routing/cachedresponse/", "routing/cachedresponse/?q=0a1b"),
    "routing_idempotencyclaim": ("routing/idempotencyclaim/", f"routing/idempotencyclaim/?q={SOME_ID}"),
    "routing_exposure": ("routing/exposure/",),
    "experiment_results": (
        "experiments/experimentresult/",
        "experiments/experimentresult/?experiment__id__exact=1",
        f"experiments/experimentresult/?q={SOME_ID}",
    ),
    "accounts_ratelimitwindow": ("accounts/ratelimitwindow/", "accounts/ratelimitwindow/?q=1"),
    "django_admin_log": ("admin/logentry/",),
    "axes_accessattempt": ("axes/accessattempt/", "axes/accessattempt/?q=ada"),
}


def plan_of(sql: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {sql}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
        cursor.execute("SET LOCAL enable_seqscan = on")
    return plan


@pytest.mark.parametrize("table", LISTS)
def test_a_list_is_read_by_an_index_and_never_to_its_end(admin_client: Client, table: str) -> None:
    with CaptureQueriesContext(connection) as captured:
        answers = [admin_client.get(f"/admin/{address}").status_code for address in LISTS[table]]
    asked = [query["sql"] for query in captured if re.search(rf'FROM "{table}"', query["sql"])]

    assert set(answers) == {200}
    assert len(asked) >= len(answers)
    assert [sql for sql in asked if "DISTINCT" in sql or ("COUNT(" in sql and "LIMIT 10001" not in sql)] == []
    assert [sql for sql in asked if f"Seq Scan on {table}" in plan_of(sql)] == []
