from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from unfold.admin import ModelAdmin

from accounts.models import ApiKey, ApiKeyUsage, Budget, BudgetPeriod, ConfigVersion, RateLimitWindow, Team
from experiments.models import ExperimentNotice, ExperimentResult, ExperimentSnapshot
from feedback.models import ResponseFeedback
from learning.models import (
    Calibration,
    EvaluationOutcome,
    EvaluationSet,
    LearningAlert,
    LearningOverride,
    ModelPerformance,
    PolicyEvaluation,
    RetrainingRun,
)
from monitoring.models import TableSize
from routing.models import (
    CachedResponse,
    Exposure,
    GatewayInstance,
    IdempotencyClaim,
    LanguageModel,
    LedgerEntry,
    ModelPrice,
    PolicyActivation,
    PolicyVersion,
    PredictorModel,
    PromptEmbedding,
    Provider,
    StoredPrompt,
    TrafficSplit,
)
from tests import factories
from tests.every_admin_row import ROWS, SECRET_BODY

pytestmark = pytest.mark.django_db


READ_ONLY = [
    AccessAttempt,
    ApiKeyUsage,
    BudgetPeriod,
    CachedResponse,
    Calibration,
    ConfigVersion,
    EvaluationOutcome,
    EvaluationSet,
    ExperimentNotice,
    ExperimentResult,
    ExperimentSnapshot,
    Exposure,
    GatewayInstance,
    IdempotencyClaim,
    LearningAlert,
    LearningOverride,
    LedgerEntry,
    LogEntry,
    ModelPerformance,
    ModelPrice,
    PolicyActivation,
    PolicyEvaluation,
    PolicyVersion,
    PredictorModel,
    PromptEmbedding,
    RateLimitWindow,
    ResponseFeedback,
    RetrainingRun,
    StoredPrompt,
    TableSize,
    TrafficSplit,
]


def name_of(model: type[Model]) -> str:
    return model._meta.label_lower


def page(model: type[Model], view: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{view}", args=args)


def test_every_model_of_the_product_is_registered_in_the_look_of_the_product() -> None:
    assert set(admin.site._registry) == set(ROWS)
    assert [
        model for model, model_admin in admin.site._registry.items() if not isinstance(model_admin, ModelAdmin)
    ] == []


@pytest.mark.parametrize("model", ROWS, ids=name_of)
def test_list_search_add_and_change_pages_open(model: type[Model], admin_client: Client) -> None:
    row = ROWS[model]()
    may_add = admin.site._registry[model].has_add_permission(admin_client.get("/admin/").wsgi_request)
    pages = {
        page(model, "changelist"): 200,
        f"{page(model, 'changelist')}?q=00000000-0000-0000-0000-000000000001": 200,
        page(model, "add"): 200 if may_add else 403,
        page(model, "change", row.pk): 200,
    }
    assert {url: admin_client.get(url).status_code for url in pages} == pages


@pytest.mark.parametrize("model", READ_ONLY, ids=name_of)
def test_what_only_the_product_writes_has_no_write_path(model: type[Model], admin_client: Client) -> None:
    row = ROWS[model]()
    before = model._default_manager.values().get(pk=row.pk)
    writes = {
        page(model, "add"): {},
        page(model, "change", row.pk): {"_save": "Save"},
        page(model, "delete", row.pk): {"post": "yes"},
    }
    assert [admin_client.post(url, data).status_code for url, data in writes.items()] == [403, 403, 403]
    deletion = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
    admin_client.post(page(model, "changelist"), deletion)
    assert model._default_manager.values().get(pk=row.pk) == before


@pytest.mark.parametrize(
    ("model", "field"), [(PredictorModel, b"content"), (PromptEmbedding, b"vector")], ids=["predictor", "embedding"]
)
def test_binary_contents_are_not_shown(model: type[Model], field: bytes, admin_client: Client) -> None:
    row = ROWS[model]()
    shown = admin_client.get(page(model, "change", row.pk)).content
    assert b"field-" + field not in shown
    assert SECRET_BODY not in shown


@pytest.mark.parametrize("model", [StoredPrompt, CachedResponse, IdempotencyClaim], ids=name_of)
def test_encrypted_bodies_are_not_shown(model: type[Model], admin_client: Client) -> None:
    row = ROWS[model]()
    shown = (
        admin_client.get(page(model, "changelist")).content + admin_client.get(page(model, "change", row.pk)).content
    )
    assert b"encrypted_body" not in shown
    assert SECRET_BODY not in shown


@pytest.mark.parametrize(
    "model",
    [
        ApiKey,
        ApiKeyUsage,
        Budget,
        BudgetPeriod,
        CachedResponse,
        IdempotencyClaim,
        LanguageModel,
        LedgerEntry,
        ModelPrice,
        LearningAlert,
        LearningOverride,
        ModelPerformance,
        PolicyActivation,
        PolicyVersion,
        PredictorModel,
        PromptEmbedding,
        Provider,
        ResponseFeedback,
        RetrainingRun,
        StoredPrompt,
        Team,
        TrafficSplit,
    ],
    ids=name_of,
)
def test_lists_take_as_many_queries_for_many_rows_as_for_one(model: type[Model], admin_client: Client) -> None:
    ROWS[model]()
    admin_client.get(page(model, "changelist"))
    with CaptureQueriesContext(connection) as for_one:
        admin_client.get(page(model, "changelist"))
    for _ in range(5):
        ROWS[model]()
    with CaptureQueriesContext(connection) as for_many:
        admin_client.get(page(model, "changelist"))
    assert len(for_many) == len(for_one)


def test_ledger_list_counts_no_further_than_it_must(admin_client: Client) -> None:
    ROWS[LedgerEntry]()
    with CaptureQueriesContext(connection) as queries:
        admin_client.get(page(LedgerEntry, "changelist"))
    counts = [query["sql"] for query in queries if "COUNT(" in query["sql"] and "routing_metrics" in query["sql"]]
    assert counts
    assert all("LIMIT 10001" in sql for sql in counts)


def test_ledger_list_shows_the_last_day_and_money_in_dollars(admin_client: Client) -> None:
    now = timezone.now()
    team = factories.team()
    today = factories.ledger_entry(team, created_at=now, cost_nano_usd=1_230_000)
    unknown = factories.ledger_entry(team, created_at=now, cost_nano_usd=None, is_unpriced=True)
    older = factories.ledger_entry(team, created_at=now - timedelta(days=3))
    shown = admin_client.get(page(LedgerEntry, "changelist")).content.decode()
    assert str(today.request_id) in shown
    assert str(unknown.request_id) in shown
    assert str(older.request_id) not in shown
    assert "$0.00123" in shown
    assert "unknown" in shown


def test_ledger_search_finds_a_request_of_any_age(admin_client: Client) -> None:
    older = factories.ledger_entry(factories.team(), created_at=datetime(2020, 1, 1, tzinfo=UTC))
    url = page(LedgerEntry, "changelist")
    assert str(older.request_id) in admin_client.get(url, {"q": str(older.request_id)}).content.decode()
    assert admin_client.get(url, {"q": "no id"}).context["cl"].result_count == 0


def test_pages_are_for_staff_only(client: Client) -> None:
    client.force_login(User.objects.create_user("reader"))
    assert client.get(page(LedgerEntry, "changelist")).status_code == 302


def test_system_checks_find_nothing() -> None:
    call_command("check", fail_level="WARNING")
