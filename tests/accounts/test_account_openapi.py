from typing import Any

from drf_spectacular.generators import SchemaGenerator


def test_the_schema_names_both_ways_to_send_a_key() -> None:
    generator: Any = SchemaGenerator
    schema = generator().get_schema(request=None, public=True)

    schemes = schema["components"]["securitySchemes"]
    assert schemes["bearerKey"]["scheme"] == "bearer"
    assert schemes["headerKey"]["name"] == "X-API-Key"
