"""Shapes of telemetry events. What the product does not know of an event is kept with its data."""

from collections.abc import Mapping
from typing import Any

import orjson
from rest_framework import serializers

from accounts.serializers import StrictSerializer
from feedback.domain.events import MAX_AHEAD, MAX_DATA_BYTES, MAX_EVENTS, TYPE, Event
from feedback.models import MetricEvent
from feedback.selectors.events import EventStats
from feedback.serializers.ratings import MAX_NAME_CHARACTERS, StrictCharField
from routing.services import database_clock

MAX_LIMIT = 1000
DEFAULT_LIMIT = 100


class EventSerializer(serializers.Serializer[Any]):
    type = StrictCharField(max_length=64, help_text="What sort of event it is: a letter, then letters, digits, _.:/-")
    user_id = StrictCharField(required=False, allow_null=True, default=None, max_length=MAX_NAME_CHARACTERS)
    timestamp = serializers.DateTimeField(required=False, allow_null=True, default=None)
    data = serializers.DictField(  # type: ignore[assignment]  # A field of this name is no attribute of the class.
        required=False, default=dict, help_text="Anything as JSON, at most 16 KiB."
    )

    def validate_type(self, value: str) -> str:
        if not TYPE.fullmatch(value):
            raise serializers.ValidationError("Begin with a letter; then use letters, digits and _ . : / - only.")
        return value

    def validate_timestamp(self, value: Any) -> Any:
        if value is not None and value > database_clock.now() + MAX_AHEAD:
            raise serializers.ValidationError("This is more than a day ahead: send the time in UTC, or leave it out.")
        return value

    def to_internal_value(self, data: Any) -> Event:
        values = super().to_internal_value(data)
        more = {name: value for name, value in data.items() if name not in self.fields}
        if both := sorted(more.keys() & values["data"].keys()):
            raise serializers.ValidationError({name: ["This is in the event and in its data."] for name in both})
        found = {**values["data"], **more}
        if len(orjson.dumps(found)) > MAX_DATA_BYTES:
            raise serializers.ValidationError({"data": [f"The event's data is larger than {MAX_DATA_BYTES} bytes."]})
        return Event(values["type"], found, values["user_id"], values["timestamp"])


class EventBatchSerializer(StrictSerializer[Any]):
    metrics = serializers.ListField(child=EventSerializer(), min_length=1, max_length=MAX_EVENTS)


class StoredEventsSerializer(serializers.Serializer[Any]):
    status = serializers.CharField(default="stored")
    stored = serializers.IntegerField()
    ids = serializers.ListField(child=serializers.IntegerField(), help_text="In the order they were sent.")


class MetricEventSerializer(serializers.ModelSerializer[MetricEvent]):
    team = serializers.CharField(source="team.slug")
    timestamp = serializers.DateTimeField(source="occurred_at")
    data = serializers.DictField()  # type: ignore[assignment]

    class Meta:
        model = MetricEvent
        fields = ("id", "type", "team", "user_id", "timestamp", "received_at", "data")
        read_only_fields = fields


class MetricEventListSerializer(serializers.Serializer[Any]):
    count = serializers.IntegerField(help_text="How many are in this answer.")
    metrics = MetricEventSerializer(many=True)


class EventFilterSerializer(StrictSerializer[Any]):
    type = serializers.CharField(required=False, max_length=64)
    user_id = serializers.CharField(required=False, max_length=MAX_NAME_CHARACTERS)
    since = serializers.DateTimeField(required=False, help_text="Inclusive.")
    until = serializers.DateTimeField(required=False, help_text="Exclusive.")
    team = serializers.SlugField(required=False, max_length=64, help_text="Only this team's events; staff only.")


class EventListQuerySerializer(EventFilterSerializer):
    limit = serializers.IntegerField(required=False, default=DEFAULT_LIMIT, min_value=1, max_value=MAX_LIMIT)


class EventExportQuerySerializer(EventFilterSerializer):
    format = serializers.ChoiceField(choices=("csv", "jsonl"), required=False, default="jsonl")


class EventStatsSerializer(serializers.Serializer[EventStats]):
    total_metrics = serializers.IntegerField(source="total")
    users = serializers.IntegerField(help_text="Different user_ids.")
    first_at = serializers.DateTimeField(allow_null=True)
    last_at = serializers.DateTimeField(allow_null=True)
    by_type = serializers.DictField(child=serializers.IntegerField())


def batch_of(body: Any) -> Mapping[str, Any]:
    """Return a body of one event, a list, or ``{metrics: […]}`` as the last of these."""
    if isinstance(body, list):
        return {"metrics": body}
    return body if isinstance(body, dict) and "metrics" in body else {"metrics": [body]}
