"""Shapes of the API of experiments. Numbers are taken literally: "5" and true are none."""

import math
from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.serializers import StrictSerializer
from experiments.domain import metrics
from experiments.domain.plan import MODES
from experiments.models import Experiment
from experiments.services.creation import CONTROL, TEST
from experiments.services.plans import plan_of

MOST_LISTED = 1000
_ARMS = (CONTROL, TEST)


class NumberField(serializers.FloatField):
    """A finite JSON number."""

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool) or not isinstance(data, int | float) or not math.isfinite(data):
            self.fail("invalid")
        return super().to_internal_value(data)


class WholeNumberField(serializers.IntegerField):
    """A JSON number without a fraction."""

    def to_internal_value(self, data: Any) -> int:
        if type(data) is not int:
            self.fail("invalid")
        return data


class TextField(serializers.CharField):
    """A JSON string."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class WeightsSerializer(StrictSerializer[Any]):
    control = NumberField(help_text="Share of the units in (0, 1); the two add up to 1.")
    test = NumberField()


@extend_schema_field({"oneOf": [{"type": "number"}, {"$ref": "#/components/schemas/Weights"}]})
class AllocationField(serializers.Field[Any, Any, Any, Any]):
    """The share of the test arm, or the weights of both."""

    def to_internal_value(self, data: Any) -> dict[str, float]:
        if isinstance(data, dict):
            weights = WeightsSerializer(data=data)
            weights.is_valid(raise_exception=True)
            return dict(weights.validated_data)
        share = NumberField().run_validation(data)
        return {CONTROL: 1 - share, TEST: share}

    def to_representation(self, value: Any) -> Any:
        return value


class GuardrailSerializer(StrictSerializer[Any]):
    metric = serializers.ChoiceField(choices=tuple(metrics.GUARDS))
    margin = NumberField(help_text="How much worse is allowed: a share, for error_rate a difference of rates.")


class PrimaryMetricSerializer(StrictSerializer[Any]):
    denominator = serializers.ChoiceField(choices=("reference_cost", "requests"), required=False)
    min_effect = NumberField(required=False)


class MinimaSerializer(StrictSerializer[Any]):
    requests = WholeNumberField(required=False, help_text="In all; 100 unless given.")
    units = WholeNumberField(required=False, help_text="In each arm; 20 unless given.")
    effective_units = NumberField(required=False, help_text="In each arm; 10 unless given.")
    hours = NumberField(required=False, help_text="24 unless given.")


class AnalysisSerializer(StrictSerializer[Any]):
    mode = serializers.ChoiceField(choices=MODES, required=False)
    alpha = NumberField(required=False)
    power = NumberField(required=False)
    tau = NumberField(required=False)
    minima = MinimaSerializer(required=False)


class NewExperimentSerializer(StrictSerializer[Any]):
    name = TextField(max_length=200)
    description = TextField(max_length=5000, required=False, allow_blank=True, default="")
    control_strategy = TextField(max_length=64, help_text="complexity, learning, hybrid, or policy:<version>.")
    test_strategy = TextField(max_length=64)
    team = serializers.SlugField(required=False, help_text="For staff; a key's experiments are its team's.")
    sample_size = WholeNumberField(required=False, allow_null=True, help_text="Planned requests of both arms.")
    assignment_unit = serializers.ChoiceField(choices=Experiment.Unit.choices, default=Experiment.Unit.USER)
    traffic_percent = NumberField(
        default=0.0, min_value=0.0, max_value=100.0, help_text="Of the units of `auto` that join without asking."
    )
    namespace = TextField(
        max_length=64, required=False, allow_blank=True, default="", help_text="Its experiments share no such unit."
    )
    weights = WeightsSerializer(required=False)
    allocation = AllocationField(required=False, help_text="In place of weights: those, or the share of test.")
    min_effect = NumberField(required=False, help_text="In place of that of primary_metric.")
    primary_metric = PrimaryMetricSerializer(required=False)
    guardrails = GuardrailSerializer(many=True, required=False)
    analysis = AnalysisSerializer(required=False)
    on_winner = serializers.ChoiceField(choices=Experiment.OnWinner.choices, default=Experiment.OnWinner.REPORT)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "weights" in attrs and "allocation" in attrs:
            raise serializers.ValidationError({"allocation": ["Give weights or an allocation, not both."]})
        if "min_effect" in attrs and "min_effect" in attrs.get("primary_metric", {}):
            raise serializers.ValidationError({"min_effect": ["Give it once: here or in primary_metric."]})
        return attrs


class ExperimentListQuerySerializer(StrictSerializer[Any]):
    status = serializers.ChoiceField(choices=Experiment.Status.choices, required=False)
    limit = serializers.IntegerField(default=100, min_value=1, max_value=MOST_LISTED)


class EndSerializer(StrictSerializer[Any]):
    reason = TextField(max_length=400, required=False, allow_blank=True, default="", help_text="Kept with it.")


class PromotionSerializer(EndSerializer):
    arm = serializers.ChoiceField(choices=_ARMS, required=False, help_text="Unless given, the winner.")


class ChangedWeightsSerializer(StrictSerializer[Any]):
    weights = WeightsSerializer()


class RequirementSerializer(serializers.Serializer[Any]):
    metric = serializers.CharField()
    effect = serializers.FloatField(help_text="To be found, or the margin to be shown kept; of rates a difference.")
    units_per_arm = serializers.IntegerField()
    requests = serializers.IntegerField(help_text="In all arms.")
    chance_at_planned_size = serializers.FloatField(allow_null=True)
    is_observed = serializers.BooleanField(help_text="From the team's own traffic, and not from typical traffic.")


class ArmSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    weight = serializers.FloatField()
    strategy = serializers.CharField(allow_null=True)
    policy_version = serializers.IntegerField(allow_null=True)


class ExperimentSerializer(serializers.ModelSerializer[Experiment]):
    team = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True, allow_null=True)
    status = serializers.CharField(help_text="running, completed or cancelled.")
    assignment_unit = serializers.CharField(source="unit")
    on_winner = serializers.CharField()
    mode = serializers.SerializerMethodField(help_text="The mode in force.")
    minima = serializers.SerializerMethodField()
    arms = ArmSerializer(many=True)
    guardrails = GuardrailSerializer(many=True)
    requirements = RequirementSerializer(many=True, help_text="Units and requests that each metric asks for.")
    promoted_policy = serializers.IntegerField(source="promoted_policy_id", allow_null=True)

    class Meta:
        model = Experiment
        fields = (
            "id",
            "name",
            "description",
            "status",
            "team",
            "control_strategy",
            "test_strategy",
            "arms",
            "assignment_unit",
            "traffic_percent",
            "namespace",
            "phase",
            "is_trial",
            "sample_size",
            "mode",
            "alpha",
            "power",
            "min_effect",
            "tau",
            "denominator",
            "guardrails",
            "minima",
            "on_winner",
            "requirements",
            "created_by",
            "started_at",
            "phase_started_at",
            "ended_at",
            "ended_by",
            "end_reason",
            "winner",
            "reason_code",
            "explanation",
            "promoted_policy",
            "analyzed_at",
        )

    def get_mode(self, experiment: Experiment) -> str:
        return plan_of(experiment).effective_mode

    def get_minima(self, experiment: Experiment) -> dict[str, float]:
        return asdict(plan_of(experiment).minima)


class ExperimentDecisionSerializer(serializers.Serializer[Any]):
    status = serializers.CharField(help_text="Row of the decision table.")
    winner = serializers.CharField(allow_null=True)
    reason_code = serializers.CharField()
    explanation = serializers.CharField()


class ExperimentHealthSerializer(serializers.Serializer[Any]):
    srm_p_value = serializers.FloatField(help_text="Of the split so far, by which it is judged.")
    chi_square_p_value = serializers.FloatField()
    share_in_both_arms = serializers.FloatField()
    units = serializers.DictField(child=serializers.IntegerField())
    effective_units = serializers.DictField(child=serializers.FloatField())


class ComparisonSerializer(serializers.Serializer[Any]):
    metric = serializers.CharField()
    baseline = serializers.CharField(help_text="Arm.")
    challenger = serializers.CharField(help_text="Arm.")
    baseline_value = serializers.FloatField(allow_null=True)
    challenger_value = serializers.FloatField(allow_null=True)
    relative_change = serializers.FloatField(allow_null=True)
    difference = serializers.FloatField(allow_null=True, help_text="In place of the former, for rates.")
    ci_low = serializers.FloatField(allow_null=True)
    ci_high = serializers.FloatField(allow_null=True)
    p_value = serializers.FloatField(allow_null=True)
    e_value = serializers.FloatField(allow_null=True)


class GuardrailResultSerializer(serializers.Serializer[Any]):
    metric = serializers.CharField()
    margin = serializers.FloatField()
    is_asked_for = serializers.BooleanField()
    arm = serializers.CharField()
    against = serializers.CharField()
    state = serializers.CharField(help_text="passed, failed, undecided or not_measured.")
    change = serializers.FloatField(allow_null=True)
    ci_low = serializers.FloatField(allow_null=True)
    ci_high = serializers.FloatField(allow_null=True)
    units_needed = serializers.IntegerField(allow_null=True)
    ratings_differ = serializers.BooleanField()


class SavingsSerializer(serializers.Serializer[Any]):
    arm = serializers.CharField()
    estimate_usd = serializers.FloatField()
    low_usd = serializers.FloatField(allow_null=True)
    high_usd = serializers.FloatField(allow_null=True)


class ResultsSerializer(serializers.Serializer[Any]):
    experiment_id = serializers.IntegerField()
    name = serializers.CharField()
    status = serializers.CharField(help_text="running, completed or cancelled.")
    phase = serializers.IntegerField(help_text="Figures are of this one alone.")
    control_strategy = serializers.CharField()
    test_strategy = serializers.CharField()
    control_count = serializers.IntegerField(help_text="Requests, failed ones too.")
    test_count = serializers.IntegerField()
    control_avg_cost = serializers.FloatField(allow_null=True, help_text="US dollars a request.")
    test_avg_cost = serializers.FloatField(allow_null=True)
    control_avg_latency = serializers.FloatField(allow_null=True, help_text="Milliseconds.")
    test_avg_latency = serializers.FloatField(allow_null=True)
    control_avg_quality = serializers.FloatField(allow_null=True, help_text="Stars; null when there are none.")
    test_avg_quality = serializers.FloatField(allow_null=True)
    control_error_rate = serializers.FloatField(allow_null=True)
    test_error_rate = serializers.FloatField(allow_null=True)
    p_value = serializers.FloatField(allow_null=True, help_text="Of the primary metric.")
    is_significant = serializers.BooleanField()
    winner = serializers.CharField(allow_null=True, help_text="control or test.")
    confidence_level = serializers.FloatField()
    decision = ExperimentDecisionSerializer()
    explanation = serializers.CharField(source="decision.explanation", help_text="The reason in words.")
    mode = serializers.CharField()
    primary_metric = serializers.CharField()
    comparisons = ComparisonSerializer(many=True)
    guardrails = GuardrailResultSerializer(many=True)
    savings_usd = SavingsSerializer(many=True)
    health = ExperimentHealthSerializer()
    sample_size = serializers.IntegerField(allow_null=True)
    units_needed = serializers.IntegerField(allow_null=True, help_text="More units that would find the minimum effect.")
    progress = serializers.FloatField(allow_null=True, help_text="In [0, 1].")
    is_final = serializers.BooleanField(help_text="The planned size is reached, or the experiment has ended.")
    analyzed_at = serializers.DateTimeField()
