"""Shapes of the rollout's API."""

from typing import Any

from rest_framework import serializers

from accounts.domain.features import Feature
from accounts.domain.rollout import CONFIRMATIONS, SHARES
from accounts.models import RolloutPhase
from accounts.serializers import StrictSerializer
from monitoring.services.rollout import RolloutStatus


class StartSerializer(StrictSerializer[Any]):
    features = serializers.ListField(
        child=serializers.ChoiceField(choices=[feature.value for feature in Feature]),
        min_length=1,
        help_text="Features that only the teams of a phase shall have.",
    )


class AdvanceSerializer(StrictSerializer[Any]):
    override = serializers.BooleanField(default=False, help_text="Go on although criteria do not hold.")
    reason = serializers.CharField(default="", allow_blank=True, max_length=500, help_text="Needed to override.")


class RollbackPhaseSerializer(StrictSerializer[Any]):
    reason = serializers.CharField(max_length=500)
    issue = serializers.CharField(default="", allow_blank=True, max_length=500, help_text="What went wrong.")


class ConfirmSerializer(StrictSerializer[Any]):
    name = serializers.ChoiceField(choices=list(CONFIRMATIONS))
    is_confirmed = serializers.BooleanField(default=True)


class IssueSerializer(StrictSerializer[Any]):
    text = serializers.CharField(max_length=500)


class CriterionSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=["measured", "confirmed"])
    description = serializers.CharField(source="label")
    holds = serializers.BooleanField()
    why = serializers.CharField(help_text="What was found.")
    formula = serializers.CharField()
    window = serializers.CharField()
    value = serializers.FloatField(allow_null=True, help_text="Null where nothing could be measured.")
    unit = serializers.CharField()
    limit = serializers.CharField()


class IssueFoundSerializer(serializers.Serializer[Any]):
    text = serializers.CharField()
    by = serializers.CharField()
    at = serializers.DateTimeField()


class PhaseSerializer(serializers.Serializer[RolloutPhase]):
    number = serializers.IntegerField(help_text="0 (nobody) to 4 (all teams).")
    share = serializers.SerializerMethodField(help_text="Share of the teams, in [0, 1].")
    features = serializers.ListField(child=serializers.CharField())
    started_at = serializers.DateTimeField()
    started_by = serializers.CharField()
    ended_at = serializers.DateTimeField(allow_null=True)
    ended_by = serializers.CharField()
    outcome = serializers.CharField()
    reason = serializers.CharField()
    issues_found = IssueFoundSerializer(many=True)

    def get_share(self, phase: RolloutPhase) -> float:
        return SHARES[phase.number]


class RolloutSerializer(serializers.Serializer[RolloutStatus]):
    phase = PhaseSerializer(allow_null=True, help_text="Null while no rollout runs: then every team has what is on.")
    teams = serializers.IntegerField(help_text="Active teams.")
    teams_reached = serializers.IntegerField()
    may_advance = serializers.BooleanField()
    unmet = serializers.ListField(child=serializers.CharField(), help_text="Why it may not go on.")
    criteria = CriterionSerializer(many=True)
    history = PhaseSerializer(many=True, help_text="Phases that have ended, newest first.")
