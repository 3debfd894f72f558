from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.test import Client

from tests import factories

NOW = datetime(2026, 3, 4, 15, 0, tzinfo=UTC)
YESTERDAY = NOW - timedelta(days=1)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def at_three_in_the_afternoon():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def team():
    return factories.team("builders")


@pytest.fixture
def client(team):
    _, secret = factories.api_key(team)
    return Client(headers=factories.bearer(secret))


@pytest.fixture
def staff_client(django_user_model):
    client = Client()
    client.force_login(factories.staff("ada", role="viewer"))
    return client


def test_stats_of_a_new_team_are_zeros_not_an_error(client):
    found = client.get("/stats").json()

    assert found["totals"]["requests"] == 0
    assert found["totals"]["cost_usd"] == 0
    assert found["totals"]["savings_rate"] is None
    assert found["by_model"] == []


def test_stats_add_up_money_to_the_nano_dollar(client, team):
    factories.ledger_entry(team, cost_nano_usd=1, baseline_cost_nano_usd=3)
    factories.ledger_entry(team, cost_nano_usd=300_000_000, baseline_cost_nano_usd=500_000_000)

    answer = client.get("/stats")

    # 0.3 + 0.000000001 dollars, in the digits of the answer itself; a float would show 0.30000000100000003 or 0.3.
    assert (
        b'"totals":{"cost_usd":0.300000001,"baseline_cost_usd":0.500000003,"savings_usd":0.200000002' in answer.content
    )


def test_stats_tell_today_from_all_time(client, team):
    factories.ledger_entry(team, created_at=YESTERDAY, cost_nano_usd=7_000_000)
    factories.ledger_entry(team, created_at=NOW.replace(hour=0, minute=0), cost_nano_usd=2_000_000)

    found = client.get("/stats").json()

    assert found["today_date"] == "2026-03-04"
    assert found["today"]["cost_usd"] == 0.002
    assert found["totals"]["cost_usd"] == 0.009


def test_stats_are_split_by_provider_and_model_and_name_their_baseline(client, team):
    factories.ledger_entry(team, provider="openai", served_model="gpt-small", cost_nano_usd=1_000_000)
    factories.ledger_entry(team, provider="openai", served_model="gpt-large", cost_nano_usd=3_000_000)
    factories.ledger_entry(
        team, provider="claude", served_model="haiku", cost_nano_usd=2_000_000, baseline_model="opus"
    )

    found = client.get("/stats").json()

    by_provider = {part["provider"]: part["traffic"]["cost_usd"] for part in found["by_provider"]}
    by_model = {part["model"]: part["traffic"]["cost_usd"] for part in found["by_model"]}
    assert by_provider == {"openai": 0.004, "claude": 0.002}
    assert by_model == {"gpt-small": 0.001, "gpt-large": 0.003, "haiku": 0.002}
    # Each request's baseline costs 0.003: (3 - 1) + (3 - 3) thousandths against gpt-large, 3 - 2 against opus.
    assert found["baseline_models"] == [
        {"model": "gpt-large", "requests": 2, "baseline_cost_usd": 0.006, "savings_usd": 0.002},
        {"model": "opus", "requests": 1, "baseline_cost_usd": 0.003, "savings_usd": 0.001},
    ]


@pytest.mark.parametrize("flag", ["is_simulated", "is_embedded"])
def test_money_of_simulated_and_embedded_models_stands_apart(client, team, flag):
    factories.ledger_entry(team, cost_nano_usd=1_000_000, baseline_cost_nano_usd=4_000_000)
    factories.ledger_entry(team, cost_nano_usd=500_000, baseline_cost_nano_usd=9_000_000, **{flag: True})

    totals = client.get("/stats").json()["totals"]

    assert (totals["cost_usd"], totals["baseline_cost_usd"], totals["savings_usd"]) == (0.001, 0.004, 0.003)
    assert (totals["simulated_cost_usd"], totals["simulated_savings_usd"]) == (0.0005, 0.0085)
    assert (totals["requests"], totals["simulated_requests"]) == (2, 1)
    assert totals["savings_rate"] == 0.75
    assert totals["avg_cost_usd"] == 0.001


def test_a_request_of_unknown_cost_is_counted_and_never_taken_for_free(client, team):
    factories.ledger_entry(team, cost_nano_usd=1_000_000, baseline_cost_nano_usd=3_000_000)
    factories.ledger_entry(team, cost_nano_usd=None, baseline_cost_nano_usd=3_000_000, is_unpriced=True)

    totals = client.get("/stats").json()["totals"]

    assert totals["unpriced_requests"] == 1
    assert (totals["baseline_cost_usd"], totals["savings_usd"]) == (0.003, 0.002)


@pytest.mark.parametrize("path", ["/stats", "/routing/metrics", "/cache/stats"])
def test_another_teams_rows_change_nothing(client, team, path):
    factories.ledger_entry(team)
    before = client.get(path).json()
    stranger = factories.team("strangers")
    factories.ledger_entry(stranger, provider="canary-provider", is_cache_hit=True, cost_nano_usd=9)
    factories.cached_response(stranger)

    answer = client.get(path)

    assert answer.json() == before
    assert b"canary" not in answer.content


def test_staff_see_all_teams(staff_client):
    factories.ledger_entry(factories.team(), cost_nano_usd=1_000_000)
    factories.ledger_entry(factories.team(), cost_nano_usd=2_000_000)

    assert staff_client.get("/stats").json()["totals"]["cost_usd"] == 0.003
    assert staff_client.get("/routing/metrics").json()["total_decisions"] == 2


@pytest.mark.parametrize("path", ["/stats", "/routing/metrics", "/cache/stats"])
def test_reports_are_refused_without_a_key(path):
    answer = Client().get(path)

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert isinstance(answer.json()["detail"], str)


def test_reports_are_refused_to_a_user_who_is_not_staff(django_user_model):
    client = Client()
    client.force_login(django_user_model.objects.create_user("eve", password="x"))

    assert client.get("/stats").status_code == 403


def test_routing_metrics_describe_the_decisions_of_the_period(client, team):
    factories.ledger_entry(team, strategy="complexity", confidence="high", pattern="code", latency_ms=100)
    factories.ledger_entry(team, strategy="complexity", confidence="low", pattern="code", latency_ms=200)
    factories.ledger_entry(team, strategy="named", confidence=None, pattern="general", latency_ms=300)
    factories.ledger_entry(team, strategy="hybrid", state="failed", provider=None, latency_ms=None, cost_nano_usd=0)
    factories.ledger_entry(team, created_at=NOW - timedelta(days=8), pattern="creative")

    found = client.get("/routing/metrics?days=7").json()

    assert found["total_decisions"] == 4
    assert found["confidence_distribution"] == {"high": 1, "medium": 1, "low": 1, "none": 1}
    assert found["pattern_distribution"] == {"code": 2, "general": 2}
    assert {name: part["requests"] for name, part in found["provider_usage"].items()} == {"openai": 3, "none": 1}
    performance = found["strategy_performance"]
    assert {name: part["requests"] for name, part in performance.items()} == {"complexity": 2, "hybrid": 1, "named": 1}
    assert performance["complexity"]["avg_latency_ms"] == 150
    assert (performance["complexity"]["success_rate"], performance["hybrid"]["success_rate"]) == (1, 0)
    assert found["period_days"] == 7
    assert found["timestamp"] == "2026-03-04T15:00:00Z"


def test_routing_metrics_name_the_baseline_of_their_savings(client, team):
    factories.ledger_entry(team, cost_nano_usd=1_000_000, baseline_cost_nano_usd=4_000_000, baseline_model="gpt-large")

    savings = client.get("/routing/metrics").json()["cost_savings"]

    assert (savings["cost_usd"], savings["baseline_cost_usd"], savings["savings_usd"]) == (0.001, 0.004, 0.003)
    assert savings["savings_rate"] == 0.75
    assert [baseline["model"] for baseline in savings["baseline_models"]] == ["gpt-large"]


def test_latency_percentiles_interpolate_between_answers(client, team):
    for latency_ms in (400, 100, 300, 200):
        factories.ledger_entry(team, latency_ms=latency_ms)
    factories.ledger_entry(team, latency_ms=90_000, state="failed")

    found = client.get("/routing/metrics").json()["latency_ms"]

    # Of 100, 200, 300, 400 the position of a share p is 3p: 1.5, 2.85 and 2.97. The failed request does not count.
    assert found == pytest.approx({"p50": 250, "p95": 385, "p99": 397}, rel=1 / 64)


def test_latency_percentiles_of_no_answer_are_unknown(client):
    assert client.get("/routing/metrics").json()["latency_ms"] == {"p50": None, "p95": None, "p99": None}


def test_routing_metrics_are_computed_once_in_30_seconds_for_each_team_and_period(client, staff_client, team):
    first = client.get("/routing/metrics").json()
    factories.ledger_entry(team)

    assert client.get("/routing/metrics").json() == first
    assert client.get("/routing/metrics?days=8").json()["total_decisions"] == 1
    assert staff_client.get("/routing/metrics").json()["total_decisions"] == 1
    assert staff_client.get("/metrics-cache/stats").json() == {"entries": 3, "hits": 1, "misses": 3, "hit_rate": 0.25}


def test_figures_of_the_metrics_cache_are_refused_to_an_ordinary_key(client):
    assert client.get("/metrics-cache/stats").status_code == 403


@pytest.mark.parametrize("days", ["0", "367", "-1", "x", "1.5", "9" * 5000, "NaN", "%00"])
def test_a_period_that_is_no_number_of_days_is_refused(client, days):
    answer = client.get(f"/routing/metrics?days={days}")

    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["query", "days"]


def test_cache_stats_count_hits_misses_and_what_they_saved(client, team):
    factories.cached_response(team)
    factories.cached_response(team, expires_at=YESTERDAY)
    factories.ledger_entry(team)
    factories.ledger_entry(team)
    factories.ledger_entry(team)
    factories.ledger_entry(team, is_cache_hit=True, cost_nano_usd=0, baseline_cost_nano_usd=2_000_000)
    factories.ledger_entry(team, state="failed")

    assert client.get("/cache/stats").json() == {
        "entries": 1,
        "hits": 1,
        "misses": 3,
        "hit_rate": 0.25,
        "cost_saved_usd": 0.002,
        "simulated_cost_saved_usd": 0,
        "period_days": 7,
    }


@pytest.mark.parametrize(
    ("path", "most"),
    # Each with one query to find the key, and for each period one to find where it is to be read and two to read it.
    [("/stats", 7), ("/routing/metrics", 6), ("/cache/stats", 5)],
)
def test_the_number_of_queries_does_not_grow_with_the_traffic(client, team, path, most, django_assert_max_num_queries):
    for number in range(30):
        factories.ledger_entry(team, provider=f"provider-{number}", served_model=f"model-{number}")
    client.get(path)

    with django_assert_max_num_queries(most):
        client.get(path)
