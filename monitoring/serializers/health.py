from typing import Any

from rest_framework import serializers

from monitoring.services.health import Health


class HealthSerializer(serializers.Serializer[Health]):
    status = serializers.ChoiceField(choices=("healthy", "degraded", "unhealthy"))
    version = serializers.CharField()
    database = serializers.ChoiceField(choices=("ok", "not_migrated", "unavailable"))
    redis = serializers.ChoiceField(choices=("ok", "unavailable", "not_configured"))
    providers = serializers.DictField(
        child=serializers.ChoiceField(choices=("ok", "unreachable", "failing")),
        help_text="Each configured one: failing with its breakers open, unreachable where no connection opens.",
    )


class LivenessSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=("alive",))


class ReadinessSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=("ready", "not_ready"))
    gateway = serializers.ChoiceField(choices=("accepting", "draining", "not_running"))
    database = serializers.ChoiceField(choices=("ok", "not_migrated", "unavailable"))
