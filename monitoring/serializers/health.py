from typing import Any

from rest_framework import serializers

from jobs.models import JobRun
from jobs.selectors.status import JobsStatus
from monitoring.selectors.learning_health import LearningHealth, LearningMetrics
from monitoring.services.health import Health
from monitoring.services.metrics_health import MetricsHealth


class HealthSerializer(serializers.Serializer[Health]):
    status = serializers.ChoiceField(choices=("healthy", "degraded", "unhealthy"))
    version = serializers.CharField()
    database = serializers.ChoiceField(choices=("ok", "not_migrated", "unavailable"))
    redis = serializers.ChoiceField(choices=("ok", "unavailable", "not_configured"))
    replica = serializers.ChoiceField(choices=("ok", "lagging", "unavailable", "not_configured"))
    replica_lag_seconds = serializers.FloatField(allow_null=True, help_text="At most; null when it is not known.")
    providers = serializers.DictField(
        child=serializers.ChoiceField(choices=("ok", "unreachable", "failing")),
        help_text="Each configured one: failing with its breakers open, unreachable where no connection opens.",
    )


class MetricsDatabaseSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(source="database", choices=("ok", "not_migrated", "unavailable"))
    backend = serializers.ChoiceField(choices=("sqlite", "postgresql"))
    total_metrics = serializers.IntegerField(allow_null=True, help_text="Of all teams; null when it is not known.")
    database_size_mb = serializers.FloatField(allow_null=True, help_text="Null when it is not known.")


class MetricsHealthSerializer(serializers.Serializer[MetricsHealth]):
    status = serializers.ChoiceField(choices=("healthy", "unhealthy"))
    version = serializers.CharField()
    database = MetricsDatabaseSerializer(source="*")


class LivenessSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=("alive",))


class ReadinessSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=("ready", "not_ready"))
    gateway = serializers.ChoiceField(choices=("accepting", "draining", "not_running"))
    database = serializers.ChoiceField(choices=("ok", "not_migrated", "unavailable"))


class _LearningMetricsSerializer(serializers.Serializer[LearningMetrics]):
    feedback_queue_size = serializers.IntegerField(help_text="Linked ratings not yet folded into what is learned.")
    last_learning_update = serializers.DateTimeField(allow_null=True)
    confidence_threshold_stale = serializers.BooleanField(help_text="Not evaluated for 24 hours.")
    cache_hit_rate = serializers.FloatField(
        allow_null=True, help_text="Of the insights looked up in the last hour; null where none was."
    )


class LearningHealthSerializer(serializers.Serializer[LearningHealth]):
    status = serializers.ChoiceField(choices=("healthy", "degraded", "unhealthy"))
    components = serializers.DictField(
        child=serializers.ChoiceField(choices=("ok", "disabled", "stale", "failing")),
        help_text="feedback_collector, learning_engine, ranking_engine, insights_engine; stale: overdue.",
    )
    metrics = _LearningMetricsSerializer(allow_null=True, help_text="Null where the database does not answer.")


class _LastRunSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    state = serializers.ChoiceField(choices=JobRun.State.choices)
    attempts = serializers.IntegerField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)


class JobsHealthSerializer(serializers.Serializer[JobsStatus]):
    """Without the errors' texts, which are for staff."""

    status = serializers.ChoiceField(
        choices=("healthy", "degraded", "unhealthy"),
        help_text="unhealthy: for three minutes no worker has done anything, or no scheduler has told it to.",
    )
    last_sweep_at = serializers.DateTimeField(allow_null=True, help_text="When a worker last looked for work.")
    running = serializers.IntegerField(required=False)
    waiting = serializers.IntegerField(required=False)
    dead_letters = serializers.IntegerField(required=False, help_text="Given up, and waiting for somebody to decide.")
    outbox_waiting = serializers.IntegerField(required=False)
    outbox_waiting_seconds = serializers.FloatField(required=False)
    success_rate = serializers.FloatField(allow_null=True, required=False, help_text="Of the last 24 hours.")
    failing = serializers.ListField(child=serializers.CharField(), required=False)
    jobs = _LastRunSerializer(many=True, required=False, help_text="The last run of each job.")
