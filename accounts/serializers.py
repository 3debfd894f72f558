from typing import Any, TypeVar

from rest_framework import serializers

T = TypeVar("T")


class StrictSerializer(serializers.Serializer[T]):
    """Base of every request body of our own endpoints: a field it does not know is an error, not silence."""

    def to_internal_value(self, data: Any) -> Any:
        values = super().to_internal_value(data)
        unknown = sorted(str(name) for name in data if name not in self.fields)
        if unknown:
            known = ", ".join(self.fields)
            raise serializers.ValidationError(
                {name: [f"Unknown field: use one of {known}."] for name in unknown}, code="unknown_field"
            )
        return values


class FeatureQuerySerializer(StrictSerializer[Any]):
    team = serializers.SlugField(required=False, max_length=64, help_text="Also say whether it is on for this team.")


class SwitchSerializer(StrictSerializer[Any]):
    team = serializers.SlugField(
        required=False, max_length=64, help_text="The only team it is switched for; left out: everybody."
    )
    reason = serializers.CharField(required=False, default="", allow_blank=True, max_length=500)


class ResetSerializer(SwitchSerializer):
    team = serializers.SlugField(max_length=64, help_text="The team that shall follow everybody again.")


class FeatureSettingSerializer(serializers.Serializer[Any]):
    is_enabled = serializers.BooleanField()
    reason = serializers.CharField()
    changed_by = serializers.CharField()
    changed_at = serializers.DateTimeField()


class TeamFeatureSettingSerializer(FeatureSettingSerializer):
    team = serializers.SlugField(source="team.slug")


class FeatureSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    description = serializers.CharField()
    is_enabled = serializers.BooleanField(help_text="On for everybody, as far as the rollout reaches.")
    is_enabled_for_team = serializers.BooleanField(allow_null=True, help_text="Null where no team was asked about.")
    decided_by = serializers.ChoiceField(
        source="source",
        choices=["environment", "staff", "rollout", "default", "unknown"],
        help_text="What decides where a team has no setting of its own.",
    )
    rollout_phase = serializers.IntegerField(allow_null=True, help_text="0 to 4, of the rollout that governs it.")
    setting = FeatureSettingSerializer(allow_null=True, help_text="What staff have set for everybody.")
    teams = TeamFeatureSettingSerializer(many=True, help_text="What staff have set for single teams.")
