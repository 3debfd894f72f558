"""Roll-ups as JSON: by dimension, a list of labels and what was added up under them.

Figures stand in the order of ``FIGURES``. Whoever changes that order, or adds a figure or a dimension, has a migration
mark every hour as changed, so that all are rolled up anew.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from routing.domain.traffic import Dimension, Labels


def dump(parts: Iterable[tuple[str, Labels, Any]]) -> str:
    """Write parts: each the name of a dimension, labels, and a list of figures or counts by bucket of latency."""
    document: dict[str, list[tuple[Labels, Any]]] = {}
    for dimension, labels, value in parts:
        document.setdefault(dimension, []).append((labels, value))
    return orjson.dumps(document, option=orjson.OPT_NON_STR_KEYS).decode()


def parts(text: str) -> Iterator[tuple[str, Labels, Any]]:
    """Yield what ``dump`` wrote; buckets are text then."""
    for dimension, found in orjson.loads(text).items():
        for labels, value in found:
            yield dimension, tuple(labels), value


def parts_of(text: str, dimension: Dimension) -> Iterator[tuple[Labels, Any]]:
    """Yield the labels and values of one dimension."""
    for labels, value in orjson.loads(text).get(dimension.label, ()):
        yield tuple(labels), value


def dump_counts(counts: Mapping[int, int]) -> str:
    """Write counts by bucket of latency."""
    return orjson.dumps(dict(sorted(counts.items())), option=orjson.OPT_NON_STR_KEYS).decode()


def counts(found: str | Mapping[str, int]) -> Counter[int]:
    """Return counts by bucket of latency, from text or from a part."""
    by_bucket = orjson.loads(found) if isinstance(found, str) else found
    return Counter({int(bucket): count for bucket, count in by_bucket.items()})
