"""Shapes of ranked suggestions, and of what taking their action would change."""

from typing import Any

from rest_framework import serializers

from insights.domain.ranking import Factor
from insights.selectors.suggestions import Ranking, Suggestion
from insights.serializers.fields import TeamQuerySerializer
from insights.serializers.reviews import MOST_LISTED, FindingSerializer
from insights.services.actions import Change


class SuggestionsQuerySerializer(TeamQuerySerializer):
    limit = serializers.IntegerField(min_value=1, max_value=MOST_LISTED, default=20)


class FactorSerializer(serializers.Serializer[Factor]):
    name = serializers.CharField()
    value = serializers.FloatField(help_text="In [0, 1].")
    weight = serializers.FloatField()
    effect = serializers.FloatField(help_text="What it added to a score in which every factor is a half.")
    is_missing = serializers.BooleanField(help_text="Not known, so that it counts as a half.")


class SuggestionSerializer(serializers.Serializer[Suggestion]):
    place = serializers.IntegerField(source="ranked.place")
    score = serializers.FloatField(source="ranked.score")
    base_score = serializers.FloatField(source="ranked.base_score", help_text="The weighted factors, in [0, 1].")
    diversity = serializers.FloatField(
        source="ranked.diversity", help_text="0.7 to the power of how many of its type stand above it."
    )
    factors = FactorSerializer(source="ranked.factors", many=True)
    explanation = serializers.ListField(
        source="ranked.explanation", child=serializers.CharField(), help_text="What moved it, the strongest first."
    )
    stands_for = serializers.ListField(
        source="ranked.stands_for",
        child=serializers.CharField(),
        help_text="Fingerprints of findings that ask for the same.",
    )
    finding = FindingSerializer()


class RankingSerializer(serializers.Serializer[Ranking]):
    total = serializers.IntegerField(help_text="Suggestions in all, of which the first are listed.")
    threshold = serializers.FloatField(help_text="Least confidence that is suggested.")
    below_threshold = serializers.IntegerField(help_text="Open findings with less confidence: see /api/findings.")
    duplicates = serializers.IntegerField(help_text="Open findings that listed ones stand for.")
    suggestions = SuggestionSerializer(many=True)


class ActionChangeSerializer(serializers.Serializer[Change]):
    summary = serializers.CharField()
    before = serializers.CharField()
    after = serializers.CharField()
    notes: Any = serializers.ListField(child=serializers.CharField())
    is_needed = serializers.BooleanField(help_text="False where everything is so already.")
