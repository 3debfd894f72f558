"""How to make a row of each table that the admin shows."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime

from axes.models import AccessAttempt
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.db.models import Model
from django.utils import timezone
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)

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
    ResponseFeedback: lambda: factories.feedback(factories.team(), created_at=timezone.now()),
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
