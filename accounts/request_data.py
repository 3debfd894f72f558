"""What a request says, validated: its query or its body."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request


def query(request: Request, serializer: type[serializers.Serializer[Any]]) -> dict[str, Any]:
    """Return the validated parameters of the query; raises ValidationError, which is answered 422."""
    return _validated(serializer(data=request.query_params))


def body(request: Request, serializer: type[serializers.Serializer[Any]]) -> dict[str, Any]:
    """Return the validated body; raises ValidationError, which is answered 422."""
    return _validated(serializer(data=request.data))


def _validated(found: serializers.Serializer[Any]) -> dict[str, Any]:
    found.is_valid(raise_exception=True)
    return dict(found.validated_data)
