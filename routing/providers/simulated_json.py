"""The smallest value a JSON schema allows, for simulated structured answers."""

from collections.abc import Mapping
from typing import Any

_DEEPEST = 16
_PLAIN_VALUES: dict[object, Any] = {"boolean": False, "null": None}


def smallest_instance(schema: Mapping[str, Any]) -> Any:
    """Return a short value that fits ``schema``, for the keywords structured outputs allow.

    A schema that contains itself is followed 16 levels deep and then answered with null.
    """
    return _instance(schema, schema, 0)


def _instance(schema: Any, root: Mapping[str, Any], depth: int) -> Any:
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        return None
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    if isinstance(schema.get("$ref"), str):
        return _instance(_referenced(schema["$ref"], root), root, depth + 1)
    for keyword in ("anyOf", "oneOf", "allOf"):
        if schema.get(keyword):
            return _instance(_shallowest(schema[keyword]), root, depth + 1)
    return _typed(schema, root, depth)


def _typed(schema: Mapping[str, Any], root: Mapping[str, Any], depth: int) -> Any:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = "null" if "null" in kind else kind[0]
    if kind == "object" or (kind is None and "properties" in schema):
        properties = schema.get("properties") or {}
        names = schema.get("required", properties)
        return {name: _instance(properties.get(name), root, depth + 1) for name in names}
    if kind == "array":
        return [_instance(schema.get("items"), root, depth + 1)] * int(schema.get("minItems") or 0)
    if kind == "string":
        return "simulated".ljust(int(schema.get("minLength") or 0), ".")[: int(schema.get("maxLength") or 9_000)]
    if kind in ("integer", "number"):
        return schema.get("minimum") or 0
    return _PLAIN_VALUES.get(kind)


def _shallowest(options: list[Any]) -> Any:
    """Prefer null among alternatives, which also ends schemas that contain themselves."""
    return next((option for option in options if option == {"type": "null"}), options[0])


def _referenced(reference: str, root: Mapping[str, Any]) -> Any:
    if reference == "#":
        return root
    target: Any = root
    for name in reference.removeprefix("#/").split("/"):
        target = target.get(name) if isinstance(target, Mapping) else None
    return target
