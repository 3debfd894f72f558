from typing import Any

from rest_framework import serializers

from accounts.serializers import StrictSerializer
from learning.models import EvaluationSet
from learning.services.outcome_import import Imported


class OutcomeListQuerySerializer(StrictSerializer[Any]):
    team = serializers.SlugField(required=False, help_text="For staff; a key acts on its own team.")


class OutcomeImportQuerySerializer(OutcomeListQuerySerializer):
    name = serializers.CharField(max_length=200, default="upload", help_text="Of the set.")
    skip_bad = serializers.BooleanField(default=False, help_text="Leave bad rows out instead of refusing the file.")


class EvaluationSetSerializer(serializers.ModelSerializer[EvaluationSet]):
    team = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True, allow_null=True)

    class Meta:
        model = EvaluationSet
        fields = ("id", "name", "team", "source", "prompt_count", "outcome_count", "is_enabled", "created_at")


class RowErrorSerializer(serializers.Serializer[Any]):
    line = serializers.IntegerField()
    message = serializers.CharField()


class ImportedSerializer(serializers.Serializer[Imported]):
    evaluation_set = EvaluationSetSerializer()
    rows = serializers.IntegerField(source="report.rows")
    bad_rows = serializers.IntegerField(source="report.bad_rows")
    row_errors = RowErrorSerializer(source="report.errors", many=True, help_text="The first twenty.")
    duplicates = serializers.IntegerField(help_text="Rows replaced by a later one for the same prompt and model.")
    models = serializers.DictField(source="report.models", child=serializers.IntegerField())
    unknown_models = serializers.ListField(source="report.unknown_models", child=serializers.CharField())
    ignored_columns = serializers.ListField(source="report.ignored_columns", child=serializers.CharField())


class EvaluationSetListSerializer(serializers.Serializer[Any]):
    sets = EvaluationSetSerializer(many=True)
