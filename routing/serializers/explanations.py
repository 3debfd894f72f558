from typing import Any

from rest_framework import serializers

from routing.domain.catalog import Candidate
from routing.domain.costs import TYPICAL_OUTPUT_TOKENS
from routing.models import PolicyActivation
from routing.serializers.fields import UsdField
from routing.services.explanations import Alternative, Explanation

# Of what the expected cost is the price.
_LENGTH = f"Learned length of an answer, in tokens; null: {TYPICAL_OUTPUT_TOKENS}, or the request's limit if lower."


class ExplanationQuerySerializer(serializers.Serializer[Any]):
    policy_version = serializers.IntegerField(
        required=False, min_value=1, max_value=2_147_483_647, help_text="Also say what this version would have done."
    )


class LoggedCandidateSerializer(serializers.Serializer[Any]):
    """A candidate as the ledger keeps it; numbers of cost are text there, so that they stay exact."""

    model = serializers.CharField(help_text="As provider/name.")
    tier = serializers.CharField(allow_null=True)
    expected_cost_usd = UsdField(allow_null=True)
    expected_quality = serializers.FloatField(allow_null=True, help_text="In [0, 1].")
    expected_output_tokens = serializers.IntegerField(default=None, allow_null=True, help_text=_LENGTH)
    quality_lower = serializers.FloatField(default=None, allow_null=True, help_text="Likely lower bound of a forecast.")
    is_greedy = serializers.BooleanField(default=False, help_text="The choice where nothing is explored.")


class ReplayedCandidateSerializer(serializers.Serializer[Candidate]):
    model = serializers.CharField(source="model.full_name", help_text="As provider/name.")
    tier = serializers.CharField(source="model.tier", allow_null=True)
    expected_cost_usd = UsdField(allow_null=True)
    expected_quality = serializers.FloatField(allow_null=True, help_text="In [0, 1].")
    expected_output_tokens = serializers.IntegerField(allow_null=True, help_text=_LENGTH)
    quality_lower = serializers.FloatField(allow_null=True, help_text="Likely lower bound of a forecast.")


class ExplainedActivationSerializer(serializers.Serializer[PolicyActivation]):
    kind = serializers.CharField()
    activated_at = serializers.DateTimeField()
    actor = serializers.CharField()
    reason = serializers.CharField()


class AlternativeSerializer(serializers.Serializer[Alternative]):
    policy_version = serializers.IntegerField(source="version")
    strategy = serializers.CharField()
    draw = serializers.FloatField(allow_null=True, help_text="In [0, 1).")
    model = serializers.CharField(
        source="decision.chosen.model.full_name", default=None, allow_null=True, help_text="As provider/name."
    )
    confidence = serializers.CharField(source="decision.confidence", default=None, allow_null=True)
    propensity = serializers.FloatField(source="decision.propensity", default=None, allow_null=True)
    reasoning = serializers.CharField()
    candidates = ReplayedCandidateSerializer(source="decision.considered", many=True, default=())
    approximate = serializers.SerializerMethodField(help_text="Whether something it depends on is no longer known.")
    approximations = serializers.ListField(child=serializers.CharField(), help_text="What is no longer known.")

    def get_approximate(self, alternative: Alternative) -> bool:
        return bool(alternative.approximations)


class ExplanationSerializer(serializers.Serializer[Explanation]):
    request_id = serializers.UUIDField(source="entry.request_id")
    created_at = serializers.DateTimeField(source="entry.created_at")
    requested_model = serializers.CharField(source="entry.requested_model")
    strategy = serializers.CharField(source="entry.strategy")
    pattern = serializers.CharField(source="entry.pattern")
    complexity_score = serializers.FloatField(source="entry.complexity_score", help_text="In [0, 1].")
    complexity_tier = serializers.CharField(source="entry.complexity_tier")
    task = serializers.CharField(source="entry.task", allow_null=True)
    min_quality = serializers.FloatField(source="entry.min_quality", allow_null=True, help_text="What was asked for.")
    max_tokens = serializers.IntegerField(
        source="entry.max_tokens", allow_null=True, help_text="Limit on an answer: the caller's, or a smaller rule's."
    )
    input_tokens = serializers.IntegerField(source="entry.input_tokens", allow_null=True, help_text="As billed.")
    candidates = LoggedCandidateSerializer(source="entry.candidates", many=True)
    chosen_model = serializers.CharField(allow_null=True, help_text="What was asked first, as provider/name.")
    provider = serializers.CharField(source="entry.provider", allow_null=True, help_text="Of what served.")
    served_model = serializers.CharField(source="entry.served_model", allow_null=True)
    fallback_used = serializers.BooleanField(source="entry.is_fallback")
    cache_hit = serializers.BooleanField(source="entry.is_cache_hit")
    confidence = serializers.CharField(source="entry.confidence", allow_null=True)
    reasoning = serializers.CharField(source="entry.reasoning")
    propensity = serializers.FloatField(source="entry.propensity", help_text="Odds of this choice, in (0, 1].")
    draw = serializers.FloatField(allow_null=True, help_text="What decided whether to explore, in [0, 1).")
    policy_version = serializers.IntegerField(source="entry.policy_version", allow_null=True)
    activation = ExplainedActivationSerializer(allow_null=True, help_text="How that version had come to route.")
    experiment_id = serializers.IntegerField(source="entry.experiment_id", allow_null=True)
    experiment_arm = serializers.CharField(source="entry.experiment_arm", allow_null=True, help_text="What decided.")
    experiment_phase = serializers.IntegerField(
        source="entry.experiment_phase", allow_null=True, help_text="Counts the changes of its weights, from 1."
    )
    alternative = AlternativeSerializer(allow_null=True, help_text="Where `policy_version` was given.")
