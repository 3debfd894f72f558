import uuid
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.cache import caches
from django.test import Client

from accounts.models import Team
from accounts.services import features
from insights.models import Finding, LearningMetric, Review, SuggestionFeedback
from insights.services import daily, learning
from routing.models import TeamRule
from tests import factories
from tests.factories import bearer
from tests.insights import reviewed_traffic
from tests.insights.reviewed_traffic import NOW, finding, overpowered, requests, reviewed

pytestmark = pytest.mark.django_db
# Every path that a team reads; those of one review or finding are below.
LISTS = (
    "/api/reviews",
    "/api/findings",
    "/api/suggestions",
    "/api/insights/team-metrics",
    "/api/insights/trends",
    "/api/insights/anti-patterns",
    "/api/insights/learning-paths",
    "/api/insights/roi",
    "/api/insights/report?week=2026-W10",
    "/api/learning/calibration",
    "/api/learning/patterns",
    "/api/learning/metrics",
)
GATES = {
    "/api/reviews": "cost_review",
    "/api/reviews/1": "cost_review",
    "/api/findings": "cost_review",
    "/api/findings/1": "cost_review",
    "/api/findings/1/action": "cost_review",
    "/api/suggestions": "ranking",
    "/api/insights/team-metrics": "insights",
    "/api/insights/trends": "trends",
    "/api/insights/anti-patterns": "insights",
    "/api/insights/learning-paths": "learning_paths",
    "/api/insights/roi": "roi",
    "/api/insights/report": "insights",
    "/api/learning/calibration": "confidence_tuning",
    "/api/learning/patterns": "pattern_learning",
    "/api/learning/metrics": "pattern_learning",
}


@pytest.fixture(autouse=True)
def at_noon():
    caches["default"].clear()
    with time_machine.travel(NOW, tick=False):
        yield


class Caller:
    """Calls the API with a key of a team."""

    def __init__(self, team: Team, **key: Any) -> None:
        self.team = team
        self._headers = bearer(factories.api_key(team, **key)[1])
        self._client = Client()

    def get(self, path: str) -> Any:
        return self._client.get(path, headers=self._headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self._client.post(path, body or {}, content_type="application/json", headers=self._headers | headers)


@pytest.fixture
def caller() -> Caller:
    return Caller(factories.team("builders"))


@pytest.fixture
def staff_client(django_user_model) -> Client:
    client = Client()
    client.force_login(django_user_model.objects.create_user("staff", is_staff=True, is_superuser=True))
    return client


def busy_team(slug: str) -> Team:
    """Make a team of which every endpoint has something to tell, all of it named after the team."""
    team = factories.team(slug)
    overpowered(team)
    requests(team, 5, served_model=f"{slug}-model")
    reviewed(team, actor=f"{slug}-actor")
    for _ in range(6):
        finding(team, finding_type="spend_spike", title=f"{slug}-title", subject={"mark": f"{slug}-{uuid.uuid4().hex}"})
    reviewed_traffic.answers(team, [("rejected", 0.9)] * 6, actor=f"{slug}-actor", created_at=NOW - timedelta(hours=1))
    learning.recompute(now=NOW)
    daily.learning_paths(now=NOW)
    daily.team_metrics(now=NOW)
    return team


def test_a_review_over_http_finds_what_there_is(caller: Caller) -> None:
    overpowered(caller.team)

    made = caller.post("/api/reviews", {"window_days": 14})

    assert made.status_code == 200
    assert made.json()["new_findings"] == 1
    assert (made.json()["trigger"], made.json()["cost_usd"], made.json()["starts_on"]) == ("api", 2, "2026-02-19")
    (found,) = caller.get("/api/findings/").json()
    assert found["finding_type"] == "overpowered_model"
    # (2 - 0.056) dollars in 14 days, by 30 days.
    assert found["estimated_monthly_savings_usd"] == pytest.approx(4.165714285)
    assert found["action"]["kind"] == "route_pattern"
    assert caller.get(f"/api/reviews/{made.json()['id']}").json() == made.json()


def test_a_suggestion_is_answered_applied_and_taken_back() -> None:
    caller = Caller(factories.team(), scopes=["admin"])
    overpowered(caller.team)
    caller.post("/api/reviews")
    (suggestion,) = caller.get("/api/suggestions").json()["suggestions"]
    path = f"/api/findings/{suggestion['finding']['id']}"

    change = caller.get(f"{path}/action").json()
    recorded = caller.post(f"{path}/feedback", {"verdict": "accepted", "apply": True, "reason": "Good idea."}).json()

    assert change["is_needed"]
    assert (recorded["status"], recorded["finding_status"]) == ("recorded", "accepted")
    assert TeamRule.objects.filter(team=caller.team).exists()
    detail = caller.get(path).json()
    assert [answer["reason"] for answer in detail["answers"]] == ["Good idea."]
    assert detail["applied"][0]["realized_savings_usd"] is None
    assert caller.get("/api/suggestions").json()["suggestions"] == []
    reverted = caller.post(f"/api/actions/{recorded['applied']['id']}/revert", {"reason": "No."}).json()
    assert reverted["revert_reason"] == "No."
    assert not TeamRule.objects.exists()


def test_applying_needs_the_admin_scope(caller: Caller) -> None:
    row = finding(caller.team, action={"kind": "exclude_model", "parameters": {"model": "a/b"}})

    refused = caller.post(f"/api/findings/{row.id}/feedback", {"verdict": "accepted", "apply": True})

    assert refused.status_code == 403
    assert not SuggestionFeedback.objects.exists()
    assert caller.post(f"/api/findings/{row.id}/feedback", {"verdict": "accepted"}).status_code == 200
    assert caller.post("/api/actions/1/revert").status_code == 403


def test_an_idempotency_key_answers_alike(caller: Caller) -> None:
    path = f"/api/findings/{finding(caller.team).id}/feedback"
    first, again = (caller.post(path, {"verdict": "ignored"}, **{"Idempotency-Key": "k"}) for _ in range(2))
    other = caller.post(path, {"verdict": "accepted"}, **{"Idempotency-Key": "k"})

    assert again.json() == first.json()
    assert other.status_code == 422


def test_a_malformed_answer_is_refused(caller: Caller) -> None:
    path = f"/api/findings/{finding(caller.team).id}/feedback"
    bodies: list[dict[str, Any]] = [
        {},
        {"verdict": "maybe"},
        {"verdict": "accepted", "reason": 7},
        {"verdict": "accepted", "apply": "yes"},
        {"verdict": "rejected", "apply": True},
        {"verdict": "accepted", "comment": "unknown field"},
        {"verdict": "accepted", "reason": "x" * 1001},
    ]

    refused = [caller.post(path, body) for body in bodies]

    assert [answer.status_code for answer in refused] == [422] * len(bodies)
    assert {"loc", "msg", "type"} <= refused[0].json()["detail"][0].keys()
    assert not SuggestionFeedback.objects.exists()


def test_a_malformed_query_is_refused(caller: Caller) -> None:
    paths = (
        "/api/findings?status=odd",
        "/api/findings?limit=1001",
        "/api/findings?unknown=1",
        "/api/insights/trends?weeks=53",
        "/api/insights/roi?days=0",
        "/api/insights/roi?hour_usd=NaN",
        "/api/insights/report?week=2026-W54",
        "/api/insights/report?week=0000-W01",
        "/api/reviews?before=0",
    )

    assert {path: caller.get(path).status_code for path in paths} == dict.fromkeys(paths, 422)


def test_findings_are_filtered_and_paged(caller: Caller) -> None:
    old, new = finding(caller.team, severity="high"), finding(caller.team, category="quality")
    review = reviewed(caller.team)
    finding(caller.team, review=review, status="open")

    def ids(query: str) -> list[int]:
        return [row["id"] for row in caller.get(f"/api/findings?{query}").json()]

    assert ids("severity=high") == [old.id]
    assert ids("category=quality") == [new.id]
    assert ids("limit=1&before=" + str(new.id)) == [old.id]
    assert len(ids(f"review={review.id}")) == 1
    assert ids("status=open&finding_type=feedback_gap") == []


def test_two_teams_see_nothing_of_each_other() -> None:
    mine, other = Caller(busy_team("alpha")), Caller(busy_team("omega"))

    for path in LISTS:
        answer = other.get(path)
        assert answer.status_code == 200, path
        assert "alpha" not in answer.content.decode(), path
        # The test sees something: the team's own figures are there.
        assert answer.json(), path
    # And staff's way to name a team is closed to keys.
    for path in LISTS:
        separator = "&" if "?" in path else "?"
        assert other.get(f"{path}{separator}team=alpha").status_code == 404, path
        assert mine.get(f"{path}{separator}team=alpha").status_code == 200, path


def test_one_teams_rows_are_not_there_for_another() -> None:
    team = busy_team("alpha")
    review, row = Review.objects.get(team=team), Finding.objects.filter(team=team, status="open").earliest("id")
    other = Caller(factories.team("omega"), scopes=["admin"])
    action = row.applied.create(team=team, kind="set_budget", parameters={}, applied_at=NOW, applied_by="x")

    assert other.get(f"/api/reviews/{review.id}").status_code == 404
    assert other.get(f"/api/findings/{row.id}").status_code == 404
    assert other.get(f"/api/findings/{row.id}/action").status_code == 404
    assert other.post(f"/api/findings/{row.id}/feedback", {"verdict": "accepted"}).status_code == 404
    assert other.post(f"/api/actions/{action.id}/revert").status_code == 404
    assert other.post("/api/reviews", {"team": "alpha"}).status_code == 404
    assert other.get(f"/api/findings?review={review.id}").json() == []
    row.refresh_from_db()
    assert row.status == "open"


def test_figures_of_two_teams_are_kept_apart() -> None:
    rich, poor = Caller(factories.team()), Caller(factories.team())
    requests(rich.team, 3)

    assert rich.get("/api/insights/team-metrics").json()["traffic"]["requests"] == 3
    assert poor.get("/api/insights/team-metrics").json()["traffic"]["requests"] == 0
    assert rich.get("/api/insights/roi").json()["routing_savings_usd"] == 0.006
    assert poor.get("/api/insights/roi").json()["routing_savings_usd"] == 0


def test_staff_name_the_team_whose_insights_they_want(staff_client: Client) -> None:
    finding(factories.team("alpha"))
    finding(factories.team("omega"))

    assert len(staff_client.get("/api/findings").json()) == 2
    assert [row["team"] for row in staff_client.get("/api/findings?team=omega").json()] == ["omega"]
    assert staff_client.get("/api/suggestions?team=omega").json()["total"] == 1
    refused = staff_client.get("/api/suggestions")
    assert (refused.status_code, refused.json()["detail"][0]["loc"]) == (422, ["query", "team"])
    assert staff_client.get("/api/insights/roi?team=nobody").status_code == 404


def test_nobody_reads_without_a_key() -> None:
    assert {path: Client().get(path).status_code for path in LISTS} == dict.fromkeys(LISTS, 401)


def test_a_feature_that_is_off_answers_503(caller: Caller) -> None:
    for gate in set(GATES.values()):
        features.disable(gate, team=caller.team, actor="test", now=NOW)

    told = {path: caller.get(path) for path in GATES}

    assert {path: answer.status_code for path, answer in told.items()} == dict.fromkeys(GATES, 503)
    expected = {path: f"Feature disabled: {gate}." for path, gate in GATES.items()}
    assert {path: answer.json()["detail"].partition(" Staff")[0] for path, answer in told.items()} == expected
    assert all("Retry-After" in answer.headers for answer in told.values())


def test_reviews_and_answers_stop_with_their_feature(caller: Caller) -> None:
    row = finding(caller.team)
    features.disable("cost_review", actor="test", now=NOW)

    assert caller.post("/api/reviews").status_code == 503
    assert caller.post(f"/api/findings/{row.id}/feedback", {"verdict": "accepted"}).status_code == 503
    assert not Review.objects.exists()


def test_a_review_that_runs_is_waited_for(caller: Caller) -> None:
    window = {"starts_on": NOW.date() - timedelta(days=1), "ends_before": NOW.date()}
    Review.objects.create(team=caller.team, state="running", actor="x", trigger="api", started_at=NOW, **window)

    refused = caller.post("/api/reviews")

    assert (refused.status_code, refused.headers["Retry-After"]) == (409, "5")


def test_a_review_that_nobody_wants_to_wait_for_is_answered_at_once(caller: Caller) -> None:
    ordered = caller.post("/api/reviews", {"window_days": 14}, Prefer="handling=lenient, Respond-Async; wait=10")

    review = ordered.json()
    assert (ordered.status_code, ordered.headers["Preference-Applied"]) == (202, "respond-async")
    assert (review["state"], review["starts_on"]) == ("queued", "2026-02-19")
    assert caller.get(ordered.headers["Location"]).json() == review
    assert caller.post("/api/reviews").status_code == 409


def test_insights_are_kept_until_something_happens(caller: Caller) -> None:
    row = finding(caller.team)
    before = caller.get("/api/insights/team-metrics").json()
    Finding.objects.filter(id=row.id).update(severity="low")

    kept = caller.get("/api/insights/team-metrics").json()
    caller.post(f"/api/findings/{row.id}/feedback", {"verdict": "rejected"})
    after = caller.get("/api/insights/team-metrics").json()

    assert kept == before
    assert (before["stale"], before["open_findings"]["count"]) == (False, 1)
    assert (after["open_findings"]["count"], after["answers"]["rejected"]) == (0, 1)


def test_assumptions_of_the_return_may_be_given(caller: Caller) -> None:
    reviewed_traffic.answers(caller.team, [("accepted", 0.9)], has_action=True)

    cheap = caller.get("/api/insights/roi?hour_usd=12&minutes_per_answer=10&product_usd_per_month=1.5").json()

    # 10 minutes at 12 dollars an hour, and a month of the product.
    assert (cheap["time_usd"], cheap["product_usd"], cheap["net_usd"]) == (2, 1.5, -3.5)
    assert {"name": "minutes_per_answer", "value": 10}.items() <= next(
        stated for stated in cheap["assumptions"] if stated["name"] == "minutes_per_answer"
    ).items()


def test_trends_have_twelve_weeks_around_new_year(caller: Caller) -> None:
    requests(caller.team, 1)
    with time_machine.travel("2027-01-01T12:00:00Z", tick=False):
        found = caller.get("/api/insights/trends").json()

    weeks = [point["week"] for point in found["trends"]["requests"]["points"]]
    assert (len(weeks), weeks[0], weeks[-1]) == (12, "2026-W42", "2026-W53")


def test_thresholds_of_past_weeks_are_told(caller: Caller) -> None:
    learning.tune_all(now=NOW)

    found = caller.get("/api/learning/calibration").json()

    assert (found["samples"], found["threshold"], len(found["bins"])) == (0, 0.7, 10)
    assert [row["period"] for row in found["threshold_history"]] == ["2026-03-02"]
    assert LearningMetric.objects.get().figures["reason"].startswith("0 answers are too few")
    assert caller.get("/api/learning/metrics?kind=acceptance").json()["history"] == []
