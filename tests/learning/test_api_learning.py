from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.test import Client, override_settings

from learning.models import LearningAlert, LearningOverride, RetrainingRun
from learning.services import run_lock
from routing.selectors import policies
from tests import factories
from tests.learning.rated_models import NOW, catalog, rate, retrain

pytestmark = pytest.mark.django_db

STATUS = "/admin/learning/status"
RETRAIN = "/admin/learning/retrain"
ROLLBACK = "/admin/learning/rollback"
TRENDS = "/admin/performance/trends"


@pytest.fixture(autouse=True)
def at_one_in_the_afternoon():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def team():
    return factories.team("builders")


@pytest.fixture
def admin_api(team):
    return key_client(team)


@pytest.fixture
def staff_client(django_user_model):
    client = Client()
    client.force_login(factories.staff("ada", role="operator"))
    return client


def key_client(team, *scopes):
    _, secret = factories.api_key(team, scopes=list(scopes or ["admin"]))
    return Client(headers=factories.bearer(secret))


def post(client, path, body):
    return client.post(path, body, content_type="application/json")


@pytest.mark.parametrize("path", [STATUS, TRENDS + "?pattern=code"])
def test_a_key_without_the_admin_scope_may_not_read(path, team):
    _, secret = factories.api_key(team)

    assert Client(headers=factories.bearer(secret)).get(path).status_code == 403
    assert Client().get(path).status_code == 401


@pytest.mark.parametrize("path", [RETRAIN, ROLLBACK])
def test_a_key_without_the_admin_scope_may_not_steer(path, team):
    _, secret = factories.api_key(team)

    assert post(Client(headers=factories.bearer(secret)), path, {}).status_code == 403
    assert post(Client(), path, {}).status_code == 401


@pytest.mark.parametrize("prefix", ["", "/api"])
@pytest.mark.parametrize("suffix", ["", "/"])
def test_the_paths_have_aliases_and_may_end_with_a_slash(prefix, suffix, admin_api):
    assert admin_api.get(f"{prefix}{STATUS}{suffix}").status_code == 200
    assert admin_api.post(f"{prefix}{RETRAIN}{suffix}").status_code == 200
    assert post(admin_api, f"{prefix}{ROLLBACK}{suffix}", {"version": 999}).status_code == 404
    assert admin_api.get(f"{prefix}{TRENDS}{suffix}?pattern=code").status_code == 200


def test_status_before_anything_was_learned(admin_api):
    assert admin_api.get(STATUS).json() == {
        "last_retraining_run": None,
        "last_retrain": None,
        # The Sunday after Wednesday 2026-03-04.
        "next_scheduled_run": "2026-03-08T02:00:00Z",
        "confidence_distribution": {"high": 0, "medium": 0, "low": 0},
        "total_patterns": 0,
        "total_overrides": 0,
        "recommendation_coverage": "0.0%",
        "traffic_coverage": "0.0%",
        "targets": {
            "feedback_per_day": {"target": "10 or more", "current": 0.0, "is_met": False},
            "average_quality": {"target": "3.5 or more", "current": None, "is_met": False},
            "recommendation_coverage": {"target": "20% to 40%", "current": None, "is_met": False},
        },
        "policy_version": None,
        "alerts": [],
        "frozen_patterns": [],
    }


def test_status_after_a_run(admin_api, team):
    catalog()
    rate(team, 10)
    rate(team, 5, pattern="factual", quality_score=4)
    rate(team, 20, pattern="creative", quality_score=1)
    retrain()
    for pattern, requests in {"code": 3, "factual": 2, "creative": 4, "general": 1, "analysis": 6}.items():
        for _ in range(requests):
            factories.ledger_entry(team, pattern=pattern)
    factories.ledger_entry(team, pattern="reasoning", created_at=factories.NOON - timedelta(days=31))
    LearningAlert.objects.create(kind="vote_anomaly", pattern="creative", message="too many", raised_at=NOW, details={})

    found = admin_api.get(STATUS).json()

    assert found["last_retraining_run"] == found["last_retrain"] == "2026-03-04T13:00:00Z"
    assert found["confidence_distribution"] == {"high": 1, "medium": 1, "low": 1}
    # Two of five patterns, five of sixteen requests.
    assert (found["total_patterns"], found["total_overrides"]) == (5, 2)
    assert (found["recommendation_coverage"], found["traffic_coverage"]) == ("40.0%", "31.2%")
    assert found["targets"]["recommendation_coverage"]["is_met"]
    # 35 ratings in seven days, (10·5 + 5·4 + 20·1) / 35 stars.
    assert found["targets"]["feedback_per_day"]["current"] == 5
    assert found["targets"]["average_quality"]["current"] == pytest.approx(90 / 35)
    assert found["frozen_patterns"] == ["creative"]
    assert [alert["message"] for alert in found["alerts"]] == ["too many"]


def test_retraining_is_a_dry_run_unless_told_otherwise(admin_api, team):
    catalog()
    rate(team, 10)

    found = admin_api.post(RETRAIN).json()

    assert found["dry_run"] is True
    assert (found["patterns_updated"], found["total_changes"]) == (1, 1)
    assert RetrainingRun.objects.count() == 0
    assert policies.active(None) is None


def test_retraining_takes_effect_when_told(admin_api, team):
    catalog()
    rate(team, 10, cost_nano_usd=1_500)
    rate(team, 3, served_model="gpt-small")

    found = admin_api.post(f"{RETRAIN}?dry_run=false").json()

    run = RetrainingRun.objects.get()
    assert found == {
        "run_id": str(run.run_id),
        "timestamp": "2026-03-04T13:00:00Z",
        "dry_run": False,
        "candidates": 2,
        "patterns_updated": 1,
        "total_changes": 1,
        "changes": [
            {
                "pattern": "code",
                "action": "set",
                "provider": "openai",
                "model": "gpt-large",
                "previous": None,
                "confidence": "high",
                "confidence_score": 1.0,
                "sample_count": 10,
                "avg_quality": 5.0,
                "correctness_rate": 1.0,
                "reason": "the best rated",
                "expected_effect": {
                    # (10·1500 + 3·1000000) / 13, rounded to a nano-dollar.
                    "avg_cost_usd_before": 0.000231923,
                    "avg_cost_usd_after": 0.0000015,
                    "avg_quality_before": 5.0,
                    "avg_quality_after": 5.0,
                },
            }
        ],
        "skipped": [
            {
                "pattern": "code",
                "provider": "openai",
                "model": "gpt-small",
                "confidence": "low",
                # 0.2·0.3 + 0.4 + 0.4
                "confidence_score": 0.86,
                "sample_count": 3,
                "avg_quality": 5.0,
                "correctness_rate": 1.0,
                "why": "too few ratings: 3, 5 are needed",
            }
        ],
        "policy_version_before": None,
        "policy_version": found["policy_version"],
    }
    assert run.trigger == "api"
    assert run.actor.startswith("key ")


def test_the_parameters_of_a_run(admin_api, team):
    catalog()
    rate(team, 10)

    assert admin_api.post(f"{RETRAIN}?min_samples=11").json()["total_changes"] == 0
    assert admin_api.post(f"{RETRAIN}?min_samples=1&confidence_threshold=1.0").json()["total_changes"] == 1


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("min_samples=0", "min_samples"),
        ("min_samples=ten", "min_samples"),
        ("confidence_threshold=1.01", "confidence_threshold"),
        ("confidence_threshold=-0.1", "confidence_threshold"),
        ("confidence_threshold=nan", "confidence_threshold"),
        ("dry_run=perhaps", "dry_run"),
        ("dryrun=false", "dryrun"),
    ],
)
def test_bad_parameters_are_refused_by_name(query, name, admin_api):
    answer = admin_api.post(f"{RETRAIN}?{query}")

    assert answer.status_code == 422
    assert [issue["loc"] for issue in answer.json()["detail"]] == [["query", name]]


def test_a_second_retraining_is_refused(admin_api):
    run_lock.begin(team=None, trigger="schedule", actor="schedule", parameters={}, now=NOW)

    answer = admin_api.post(f"{RETRAIN}?dry_run=false")

    assert answer.status_code == 409
    assert "is running" in answer.json()["detail"]
    assert admin_api.post(RETRAIN).status_code == 200


def test_an_outcome_that_cannot_be_routed_by_is_told(admin_api, team):
    catalog()
    rate(team, 10)

    with override_settings(RANDOM_SHARE=0.9):
        answer = admin_api.post(f"{RETRAIN}?dry_run=false")

    assert answer.status_code == 422
    assert policies.active(None) is None


def test_a_rollback_restores_a_version(admin_api, team):
    catalog()
    rate(team, 10, cost_nano_usd=5_000)
    first = retrain()
    rate(team, 10, served_model="gpt-small", cost_nano_usd=100)
    second = retrain()

    answer = post(admin_api, ROLLBACK, {"version": first.policy_version, "reason": "dearer than it looked"})

    assert answer.status_code == 200
    assert answer.json() == {
        "version": first.policy_version,
        "replaced": second.policy_version,
        "reason": "dearer than it looked",
        "activated_at": "2026-03-04T13:00:00Z",
    }
    assert LearningOverride.objects.get(status="active").model == "gpt-large"


@pytest.mark.parametrize("body", [{}, {"version": "x"}, {"version": 0}, {"version": 1, "surprise": True}])
def test_a_rollback_must_name_a_version_and_nothing_unknown(body, admin_api):
    assert post(admin_api, ROLLBACK, body).status_code == 422


def test_a_rollback_to_what_routes_already_conflicts(admin_api, team):
    catalog()
    rate(team, 10)

    assert post(admin_api, ROLLBACK, {"version": retrain().policy_version}).status_code == 409


def test_a_rollback_cannot_reach_the_policies_of_others(team):
    catalog()
    alone = factories.team("alone", learns_alone=True)
    rate(team, 10)
    shared = retrain()

    assert post(key_client(alone), ROLLBACK, {"version": shared.policy_version}).status_code == 404


def test_a_key_acts_on_the_policy_of_its_team(team):
    catalog()
    alone = factories.team("alone", learns_alone=True)
    rate(alone, 10)

    assert key_client(team).post(RETRAIN).json()["candidates"] == 0
    assert key_client(alone).post(RETRAIN).json()["candidates"] == 1
    assert key_client(alone).post(f"{RETRAIN}?team=alone").json()["candidates"] == 1
    assert key_client(team).post(f"{RETRAIN}?team=alone").status_code == 404


def test_staff_choose_the_policy(staff_client, team):
    catalog()
    rate(factories.team("alone", learns_alone=True), 10)

    assert staff_client.post(RETRAIN).json()["candidates"] == 0
    assert staff_client.post(f"{RETRAIN}?team=alone").json()["candidates"] == 1
    assert staff_client.post(f"{RETRAIN}?team=builders").json()["candidates"] == 0
    assert staff_client.post(f"{RETRAIN}?team=nobody").status_code == 404


def test_trends_are_newest_first(admin_api, team):
    catalog()
    rate(team, 10, cost_nano_usd=1_500)
    rate(team, 3, served_model="gpt-small", quality_score=4)
    first = retrain(now=NOW - timedelta(minutes=5))
    second = retrain()

    found = admin_api.get(f"{TRENDS}?pattern=code&limit=3").json()

    assert found["pattern"] == "code"
    assert [(row["model"], row["retraining_run_id"]) for row in found["trends"]] == [
        ("gpt-large", str(second.run_id)),
        ("gpt-small", str(second.run_id)),
        ("gpt-large", str(first.run_id)),
    ]
    assert found["trends"][0] == {
        "provider": "openai",
        "model": "gpt-large",
        "avg_quality_score": 5.0,
        "correctness_rate": 1.0,
        "sample_count": 10,
        "confidence_level": "high",
        "avg_cost": 0.0000015,
        "updated_at": "2026-03-04T13:00:00Z",
        "retraining_run_id": str(second.run_id),
    }


@pytest.mark.parametrize(
    "query", ["", "?pattern=", "?pattern=poetry", "?pattern=code&limit=0", "?pattern=code&limit=x"]
)
def test_trends_need_a_pattern(query, admin_api):
    assert admin_api.get(f"{TRENDS}{query}").status_code == 422


def test_trends_of_a_team_that_learns_alone_are_its_own(team):
    catalog()
    alone = factories.team("alone", learns_alone=True)
    rate(alone, 10)
    retrain(alone)

    assert key_client(team).get(f"{TRENDS}?pattern=code").json()["trends"] == []
    assert len(key_client(alone).get(f"{TRENDS}?pattern=code").json()["trends"]) == 1


def test_the_sunday_of_a_schedule_is_in_the_future(admin_api):
    with time_machine.travel(datetime(2026, 3, 8, 2, 0, tzinfo=UTC), tick=False):
        assert admin_api.get(STATUS).json()["next_scheduled_run"] == "2026-03-15T02:00:00Z"
