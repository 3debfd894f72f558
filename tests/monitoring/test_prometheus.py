from datetime import timedelta
from ipaddress import ip_network

import pytest
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from accounts.domain.series import SERIES
from accounts.services import telemetry
from jobs.models import JobRun
from learning.models import LearningOverride
from monitoring.models import IntegrityCheck
from monitoring.selectors import scraped
from monitoring.services import exposition
from tests import factories

# Every series that the product promises, as the documentation writes them.
PROMISED = [
    "learning_metrics_updates_total",
    "learning_update_duration_seconds",
    "feedback_ingested_total",
    "learning_jobs_total{outcome}",
    "learning_jobs_duration_seconds",
    "confidence_threshold_changes_total",
    "suggestion_ranking_duration_seconds",
    "deduplication_hits_total",
    "average_ranking_score",
    "diversity_factor",
    "insights_generation_duration_seconds",
    "insights_cache_hit_rate",
    "trend_analysis_duration_seconds",
    "learning_path_generation_duration_seconds",
    "roi_calculation_duration_seconds",
    "api_request_duration_seconds{endpoint}",
    "api_requests_total",
    "api_errors_total",
    "db_query_duration_seconds",
    "db_queries_total",
    "db_pool_utilization",
    "db_rollbacks_total",
    "provider_request_duration_seconds{provider,model}",
    "provider_errors_total",
    "llm_cost_usd_total",
    "llm_savings_usd_total",
    "llm_tokens_total",
    "feedback_collection_success_rate",
    "data_integrity_check_pass_rate",
    "batch_job_success_rate",
    "learning_overrides",
]
NOW = factories.NOON


def value(name: str, *labels: str) -> list[float]:
    return [sample.value for sample in scraped.samples(NOW) if (sample.name, sample.labels) == (name, labels)]


@pytest.fixture
def client(settings) -> Client:
    settings.METRICS_TOKEN = "t0ken"
    settings.METRICS_ALLOWED_NETWORKS = [ip_network("10.1.0.0/16")]
    return Client(REMOTE_ADDR="192.0.2.7")


@pytest.mark.django_db
class TestAccess:
    def test_the_token_opens_them(self, client):
        answer = client.get("/metrics", headers={"authorization": "Bearer t0ken"})

        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"

    @pytest.mark.parametrize("path", ["/metrics", "/metrics/"])
    def test_a_network_of_our_own_opens_them(self, client, path):
        assert client.get(path, REMOTE_ADDR="10.1.2.3").status_code == 200

    @pytest.mark.parametrize("sent", ["Bearer other", "Bearer ", "Basic t0ken", "t0ken", ""])
    def test_anybody_else_is_told_what_would(self, client, sent):
        answer = client.get("/metrics", headers={"authorization": sent})

        assert answer.status_code == 403
        assert "METRICS_TOKEN" in answer.json()["detail"]
        assert "METRICS_ALLOWED_NETWORKS" in answer.json()["detail"]

    def test_an_empty_token_opens_nothing(self, client, settings):
        settings.METRICS_TOKEN = ""

        assert client.get("/metrics", headers={"authorization": "Bearer "}).status_code == 403

    def test_whoever_comes_through_a_proxy_that_is_not_trusted_is_not_taken_for_the_proxy(self, client, settings):
        settings.SECURE_PROXY_SSL_HEADER = None

        forwarded = {"x-forwarded-for": "203.0.113.9"}
        assert client.get("/metrics", REMOTE_ADDR="10.1.2.3", headers=forwarded).status_code == 403

        settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
        assert client.get("/metrics", REMOTE_ADDR="10.1.2.3", headers=forwarded).status_code == 200


@pytest.mark.django_db
def test_every_promised_series_is_published_with_its_labels():
    published = {line.split()[2] for line in exposition.text().decode().splitlines() if line.startswith("# TYPE")}

    for promised in PROMISED:
        name, _, labels = promised.rstrip("}").partition("{")
        assert name in published
        assert set(filter(None, labels.split(","))) <= set(SERIES[name].labels)
    assert published == set(SERIES)


@pytest.mark.django_db
def test_the_clients_own_parser_reads_what_was_counted():
    telemetry.observe("provider_request_duration_seconds", 0.3, provider="acme", model='say "hi"\n')
    telemetry.observe("provider_request_duration_seconds", 500.0, provider="acme", model='say "hi"\n')

    families = {family.name: family for family in text_string_to_metric_families(exposition.text().decode())}
    family = families["provider_request_duration_seconds"]
    ours = [sample for sample in family.samples if sample.labels["model"] == 'say "hi"\n']
    buckets = {sample.labels["le"]: sample.value for sample in ours if "le" in sample.labels}
    sums = {sample.name.rpartition("_")[2]: sample.value for sample in ours if "le" not in sample.labels}

    assert family.type == "histogram"
    assert (buckets["0.2"], buckets["0.35"], buckets["120.0"], buckets["+Inf"]) == (0, 1, 1, 2)
    assert sums == {"count": 2, "sum": pytest.approx(500.3)}


@pytest.mark.django_db
def test_counters_are_there_before_anything_is_counted():
    lines = exposition.text().decode().splitlines()

    assert {'learning_jobs_total{outcome="failed"}', 'insights_cache_lookups_total{result="hit"}'} <= {
        line.rpartition(" ")[0] for line in lines
    }


@pytest.mark.django_db
def test_money_and_tokens_are_those_of_the_ledger():
    team = factories.team()
    fields = {"provider": "openai", "served_model": "small"}
    # Saves 2.5 dollars, then pays a quarter more than the baseline would have cost.
    for cost, baseline, tokens in ((1_500_000_000, 4_000_000_000, (100, 20)), (500_000_000, 250_000_000, (7, 3))):
        factories.ledger_entry(
            team,
            **fields,
            cost_nano_usd=cost,
            baseline_cost_nano_usd=baseline,
            input_tokens=tokens[0],
            output_tokens=tokens[1],
        )

    assert value("llm_cost_usd_total", "openai", "small") == [2.0]
    assert value("llm_savings_usd_total", "openai", "small") == [2.25]
    assert value("llm_tokens_total", "openai", "small", "input") == [107.0]
    assert value("llm_tokens_total", "openai", "small", "output") == [23.0]
    assert value("llm_requests_total", "openai", "small") == [2.0]


@pytest.mark.django_db
def test_jobs_are_those_of_a_day_and_integrity_is_the_newest_check():
    for name, state, ended in (("a", "succeeded", 1), ("b", "succeeded", 2), ("c", "dead", 3), ("d", "dead", 25)):
        moment = NOW - timedelta(hours=ended)
        JobRun.objects.create(name=name, state=state, created_at=moment, started_at=moment, finished_at=moment)
    for hours, rate in ((2, 1.0), (1, 0.75)):
        IntegrityCheck.objects.create(
            kind="spot", checked_at=NOW - timedelta(hours=hours), duration_ms=5, pass_rate=rate, results=[]
        )

    # Two of the three that ended within the day.
    assert value("batch_job_success_rate") == [pytest.approx(2 / 3)]
    assert value("data_integrity_check_pass_rate") == [0.75]


@pytest.mark.django_db
def test_what_nothing_is_known_of_is_left_out():
    names = {sample.name for sample in scraped.samples(NOW)}

    assert {"learning_overrides", "feedback_backlog"} <= names
    assert names.isdisjoint({"batch_job_success_rate", "data_integrity_check_pass_rate", "budget_utilization"})
    assert not LearningOverride.objects.exists()


def test_a_database_that_does_not_answer_takes_only_its_own_figures_away():
    # This test may not open a connection, which fails as one to a server that is away.
    telemetry.count("feedback_ingested_total")
    exposition.database_check.forget()

    lines = exposition.text().decode().splitlines()
    exposition.database_check.forget()

    assert "database_up 0.0" in lines
    assert not [line for line in lines if line.startswith("learning_overrides")]
    assert [line for line in lines if line.startswith("feedback_ingested_total ")] != ["feedback_ingested_total 0.0"]
