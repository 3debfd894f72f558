import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from unfold.admin import ModelAdmin

from accounts.models import ApiKey, ApiKeyUsage, Budget, BudgetPeriod, ConfigVersion, RateLimitWindow, Team
from accounts.services import audit, config_version
from experiments.models import Experiment, ExperimentNotice, ExperimentResult, ExperimentSnapshot
from experiments.services import analyses, notices
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
from learning.services import promotion
from monitoring.models import TableSize
from routing.domain import policy as policy_domain
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
from routing.services import policies
from tests import admin_rows, factories
from tests.experiments import settled_traffic
from tests.routing.services import splits

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SECRET_BODY = b"never shown"


def _stored_prompt() -> StoredPrompt:
    return StoredPrompt.objects.create(
        request_id=uuid.uuid4(), team=factories.team(), encrypted_body=SECRET_BODY, created_at=NOW, expires_at=NOW
    )


def _claim() -> IdempotencyClaim:
    return IdempotencyClaim.objects.create(
        team=factories.team(),
        key_hash=uuid.uuid4().hex,
        body_hash="0",
        request_id=uuid.uuid4(),
        state=IdempotencyClaim.State.ANSWERED,
        encrypted_body=SECRET_BODY,
        created_at=NOW,
        expires_at=NOW,
    )


def _instance() -> GatewayInstance:
    return GatewayInstance.objects.create(
        id=uuid.uuid4(), host="web-1", pid=7, version="1", started_at=NOW, lease_expires_at=NOW
    )


def _budget() -> Budget:
    return Budget.objects.create(team=factories.team(), period="day", limit_nano_usd=1_500_000_000)


def _policy() -> PolicyVersion:
    document = policy_domain.document()
    return policies.publish(team=factories.team(), document=document, source="staff", actor="ada", now=NOW)


def _activation() -> PolicyActivation:
    return policies.activate(_policy(), kind="staff", actor="ada", reason="better", now=NOW)


def _predictor() -> PredictorModel:
    return PredictorModel.objects.create(sha256=uuid.uuid4().hex, content=SECRET_BODY, summary={}, trained_at=NOW)


def _embedding() -> PromptEmbedding:
    return PromptEmbedding.objects.create(
        request_id=uuid.uuid4(),
        team=factories.team(),
        encoder="plain",
        vector=SECRET_BODY,
        created_at=NOW,
        expires_at=NOW,
    )


def _crontab() -> CrontabSchedule:
    return CrontabSchedule.objects.create(minute="0", hour="2")


def _evaluation_set() -> EvaluationSet:
    return EvaluationSet.objects.create(name="bench", source="import", created_at=NOW, created_by="ada")


def _outcome() -> EvaluationOutcome:
    return EvaluationOutcome.objects.create(
        evaluation_set=_evaluation_set(),
        prompt_hash="0" * 64,
        encrypted_prompt=SECRET_BODY,
        model="gpt",
        quality=0.5,
        cost_nano_usd=1,
    )


def _calibration() -> Calibration:
    return Calibration.objects.create(
        team=factories.team(),
        evaluation_set=_evaluation_set(),
        state=Calibration.State.RUNNING,
        model_names=["acme/small"],
        request_ids=["00000000-0000-0000-0000-000000000001"],
        grader=Calibration.Grader.JUDGE,
        budget_nano_usd=1_500_000_000,
        estimated_nano_usd=1,
        created_by="ada",
        created_at=NOW,
    )


def _run() -> RetrainingRun:
    return RetrainingRun.objects.create(
        run_id=uuid.uuid4(),
        team=factories.team(),
        trigger=RetrainingRun.Trigger.COMMAND,
        actor="ada",
        parameters={},
        state=RetrainingRun.State.SUCCEEDED,
        started_at=NOW,
    )


def _override() -> LearningOverride:
    return LearningOverride.objects.create(
        team=factories.team(),
        pattern="code",
        provider="acme",
        model="small",
        confidence="high",
        confidence_score=0.9,
        sample_count=12,
        avg_quality=4.5,
        status=LearningOverride.Status.ACTIVE,
        reason="the best rated",
        created_at=NOW,
    )


def _performance() -> ModelPerformance:
    return ModelPerformance.objects.create(
        team=factories.team(),
        pattern="code",
        provider="acme",
        model="small",
        run=_run(),
        avg_quality_score=4.5,
        sample_count=12,
        confidence_level="high",
        confidence_score=0.9,
        updated_at=NOW,
    )


def _alert() -> LearningAlert:
    return LearningAlert.objects.create(
        team=factories.team(), kind=LearningAlert.Kind.VOTE_ANOMALY, pattern="code", message="too many", raised_at=NOW
    )


def _looked_at() -> Experiment:
    experiment = settled_traffic.begin()
    settled_traffic.half_the_cost(experiment, users=1)
    return analyses.refresh(experiment, now=settled_traffic.NOW)


def _row_of(model: type[Model]) -> Callable[[], Model]:
    return lambda: model._default_manager.filter(experiment=_looked_at())[0]


def _notice() -> ExperimentNotice:
    return notices.post(settled_traffic.begin(), notices.Kind.COMPLETED, "Test costs less.", now=NOW)


ROWS: dict[type[Model], Callable[[], Model]] = {
    Team: factories.team,
    ApiKey: lambda: factories.api_key()[0],
    ApiKeyUsage: lambda: ApiKeyUsage.objects.create(api_key=factories.api_key()[0], last_used_at=NOW),
    RateLimitWindow: lambda: RateLimitWindow.objects.create(api_key_id=1, window_start=60, request_count=2),
    Budget: _budget,
    BudgetPeriod: lambda: BudgetPeriod.objects.create(budget=_budget(), period_start=NOW.date(), limit_nano_usd=1),
    ConfigVersion: lambda: ConfigVersion.objects.get_or_create(id=config_version.ROW_ID)[0],
    Provider: factories.provider,
    LanguageModel: lambda: factories.price(factories.language_model()).language_model,
    ModelPrice: lambda: factories.price(factories.language_model()),
    LedgerEntry: lambda: factories.ledger_entry(factories.team(), created_at=timezone.now()),
    StoredPrompt: _stored_prompt,
    GatewayInstance: _instance,
    CachedResponse: lambda: factories.cached_response(factories.team(), encrypted_body=SECRET_BODY),
    IdempotencyClaim: _claim,
    PolicyEvaluation: lambda: promotion.evaluate(_policy(), now=NOW),
    PolicyVersion: _policy,
    PolicyActivation: _activation,
    PredictorModel: _predictor,
    PromptEmbedding: _embedding,
    TrafficSplit: lambda: splits.start(TrafficSplit.objects.count() + 1, team=factories.team()),
    Experiment: _looked_at,
    ExperimentNotice: _notice,
    ExperimentResult: _row_of(ExperimentResult),
    ExperimentSnapshot: _row_of(ExperimentSnapshot),
    Exposure: lambda: Exposure.objects.create(experiment_id=1, phase=1, unit="0" * 64, arm="test", exposed_at=NOW),
    ResponseFeedback: lambda: factories.feedback(factories.team()),
    EvaluationSet: _evaluation_set,
    EvaluationOutcome: _outcome,
    Calibration: _calibration,
    LearningAlert: _alert,
    LearningOverride: _override,
    ModelPerformance: _performance,
    RetrainingRun: _run,
    User: lambda: User.objects.create_user("someone"),
    Group: lambda: Group.objects.create(name="viewers"),
    LogEntry: lambda: audit.record(user_id=factories.staff().pk, row=factories.team(), what="Renamed: as asked"),
    AccessAttempt: lambda: AccessAttempt.objects.create(username="ada", ip_address="127.0.0.1", failures_since_start=1),
    TableSize: lambda: TableSize.objects.create(day=NOW.date(), table=uuid.uuid4().hex, bytes=1),
    CrontabSchedule: _crontab,
    IntervalSchedule: lambda: IntervalSchedule.objects.create(every=5, period="seconds"),
    SolarSchedule: lambda: SolarSchedule.objects.create(event="sunrise", latitude=1, longitude=1),
    ClockedSchedule: lambda: ClockedSchedule.objects.create(clocked_time=NOW),
    PeriodicTask: lambda: PeriodicTask.objects.create(
        name="nightly", task="routing.tasks.delete_expired", crontab=_crontab()
    ),
}
ROWS |= admin_rows.ROWS
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
