from typing import Any, NamedTuple

from rest_framework import serializers

from routing.domain.catalog import Candidate
from routing.domain.decision import RoutingDecision
from routing.domain.prompt import PromptFeatures
from routing.domain.rule import Kind, Rule
from routing.serializers.fields import UsdField

MAX_PROMPT_CHARACTERS = 10_000


class Preview(NamedTuple):
    features: PromptFeatures
    decision: RoutingDecision


class PromptQuerySerializer(serializers.Serializer[Any]):
    prompt = serializers.CharField(max_length=MAX_PROMPT_CHARACTERS, trim_whitespace=False)


class DecisionQuerySerializer(PromptQuerySerializer):
    auto_route = serializers.BooleanField(default=False, help_text="false: complexity; true: hybrid.")
    strategy = serializers.CharField(required=False, max_length=32, help_text="Wins over auto_route.")


class CandidateSerializer(serializers.Serializer[Candidate]):
    provider = serializers.CharField(source="model.provider")
    model = serializers.CharField(source="model.name")
    tier = serializers.CharField(source="model.tier", allow_null=True)
    simulated = serializers.SerializerMethodField(help_text="Simulated or embedded: outside every savings claim.")
    expected_cost_usd = UsdField(allow_null=True)
    expected_quality = serializers.FloatField(
        allow_null=True, help_text="In [0, 1]: a forecast, else from ratings, else the prior of the tier."
    )
    quality_lower = serializers.FloatField(allow_null=True, help_text="Likely lower bound of a forecast.")

    def get_simulated(self, candidate: Candidate) -> bool:
        return candidate.model.is_simulated or candidate.model.is_embedded


class RuleSerializer(serializers.Serializer[Rule]):
    id = serializers.IntegerField()
    kind = serializers.ChoiceField(choices=[kind.value for kind in Kind])
    pattern = serializers.CharField(help_text="Empty for all patterns.")
    model = serializers.CharField(help_text="As provider/name; empty for all models.")
    max_tokens = serializers.IntegerField(allow_null=True, help_text="Of a cap.")


class DecisionSerializer(serializers.Serializer[Preview]):
    strategy = serializers.CharField(source="decision.strategy")
    provider = serializers.CharField(source="decision.chosen.model.provider")
    model = serializers.CharField(source="decision.chosen.model.name")
    tier = serializers.CharField(source="decision.chosen.model.tier", allow_null=True)
    confidence = serializers.ChoiceField(
        choices=("high", "medium", "low"), source="decision.confidence", allow_null=True
    )
    propensity = serializers.FloatField(source="decision.propensity", help_text="Odds of this choice, in (0, 1].")
    reasoning = serializers.CharField(source="decision.reasoning")
    policy_version = serializers.IntegerField(source="decision.policy_version", allow_null=True)
    pattern = serializers.CharField(source="features.pattern")
    complexity_score = serializers.FloatField(source="features.complexity_score", help_text="In [0, 1].")
    complexity_tier = serializers.CharField(source="features.tier")
    input_tokens = serializers.IntegerField(source="features.input_tokens", help_text="Our own count.")
    expected_cost_usd = UsdField(source="decision.chosen.expected_cost_usd", allow_null=True)
    expected_quality = serializers.FloatField(source="decision.chosen.expected_quality", allow_null=True)
    candidates = CandidateSerializer(source="decision.considered", many=True)
    rules = RuleSerializer(source="decision.rules", many=True, help_text="Of the team, for this pattern.")
