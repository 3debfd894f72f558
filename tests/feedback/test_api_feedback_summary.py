import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Team
from feedback.selectors.summary import summary
from tests import factories

pytestmark = pytest.mark.django_db
URL = "/admin/feedback/summary"


@pytest.fixture
def team() -> Team:
    return factories.team("builders")


def client_of(team: Team, *scopes: str) -> Client:
    _, secret = factories.api_key(team, scopes=scopes)
    return Client(headers=factories.bearer(secret))


def rated(team: Team) -> None:
    """Three ratings of gpt-small (5, 4 and 3 stars) at two providers, one of gpt-large (1), one of nothing (2)."""
    factories.feedback(team, quality_score=5, is_correct=True, pattern="code")
    factories.feedback(team, quality_score=4, is_correct=False, pattern="code")
    factories.feedback(team, quality_score=3, is_correct=None, provider="azure")
    factories.feedback(team, quality_score=1, is_correct=None, served_model="gpt-large")
    factories.feedback(
        team, quality_score=2, linked=False, ledger_request_id=None, pattern=None, provider=None, served_model=None
    )


@pytest.mark.parametrize("path", [URL, f"{URL}/", "/api/admin/feedback/summary", "/api/admin/feedback/summary/"])
def test_summary_has_the_figures_of_the_contract(team: Team, path: str) -> None:
    rated(team)

    answer = client_of(team, "admin").get(path)

    assert answer.status_code == 200
    assert answer.json() == {
        "total_feedback": 5,
        "avg_quality_score": 3.0,
        "models": [
            {
                "selected_model": "gpt-small",
                "provider": "openai",
                "count": 2,
                "avg_quality": 4.5,
                "correctness_rate": 0.5,
            },
            {
                "selected_model": "gpt-large",
                "provider": "openai",
                "count": 1,
                "avg_quality": 1.0,
                "correctness_rate": None,
            },
            {
                "selected_model": "gpt-small",
                "provider": "azure",
                "count": 1,
                "avg_quality": 3.0,
                "correctness_rate": None,
            },
        ],
        "by_model": {"gpt-small": {"count": 3, "avg_score": 4.0}, "gpt-large": {"count": 1, "avg_score": 1.0}},
        "by_query_pattern": {"code": {"count": 2, "avg_score": 4.5}, "general": {"count": 2, "avg_score": 2.0}},
        "unlinked_feedback": 1,
    }


def test_without_feedback_the_average_is_zero(team: Team) -> None:
    assert client_of(team, "admin").get(URL).json() == {
        "total_feedback": 0,
        "avg_quality_score": 0.0,
        "models": [],
        "by_model": {},
        "by_query_pattern": {},
        "unlinked_feedback": 0,
    }


def test_key_sees_its_own_team_only(team: Team) -> None:
    rated(factories.team("rivals"))
    client = client_of(team, "admin")

    assert client.get(URL).json()["total_feedback"] == 0
    assert client.get(URL, {"team": "builders"}).status_code == 200
    assert client.get(URL, {"team": "rivals"}).status_code == 404


def test_staff_see_all_teams_or_one(team: Team, admin_client: Client) -> None:
    rated(team)
    rated(factories.team("rivals"))

    assert admin_client.get(URL).json()["total_feedback"] == 10
    assert admin_client.get(URL, {"team": "rivals"}).json()["total_feedback"] == 5
    assert admin_client.get(URL, {"team": "nobody"}).status_code == 404
    assert admin_client.get(URL, {"team": "no slug!"}).status_code == 422


def test_summary_needs_the_admin_scope(team: Team) -> None:
    assert client_of(team).get(URL).status_code == 403
    assert Client().get(URL).status_code == 401


def test_summary_is_three_queries_however_many_rows(team: Team) -> None:
    rated(team)

    with CaptureQueriesContext(connection) as queries:
        summary(team)

    # Which days have changed, the tallies of the others, the ratings of these.
    assert len(queries) == 3
