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
