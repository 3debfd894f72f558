from typing import Any

import orjson


class JsonSerializer:
    """Cached values as JSON: what is read from Redis is never executed, as a pickle would be."""

    def dumps(self, value: Any) -> bytes:
        return orjson.dumps(value)

    def loads(self, data: bytes) -> Any:
        return orjson.loads(data)
