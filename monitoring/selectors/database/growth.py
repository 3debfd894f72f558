"""How much tables have grown, from the samples of each day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Max

from monitoring.models import TableSize
from monitoring.selectors.database.report import TableSize as Measured

PERIODS = (7, 30, 365)


@dataclass(frozen=True, slots=True)
class Growth:
    """A table with the bytes that it and its indexes grew by in each of ``PERIODS`` days; None is not known yet."""

    table: Measured
    grown: Sequence[int | None]


def growth(tables: Sequence[Measured], *, today: date) -> list[Growth]:
    """Compare tables with the newest sample of so many days ago or more; one that was not there then began at 0."""
    earlier = [_sizes(today - timedelta(days=days)) for days in PERIODS]
    return [Growth(table, [_difference(table, sizes) for sizes in earlier]) for table in tables]


def _sizes(until: date) -> Mapping[str, int] | None:
    day = TableSize.objects.filter(day__lte=until).aggregate(day=Max("day"))["day"]
    return None if day is None else dict(TableSize.objects.filter(day=day).values_list("table", "bytes"))


def _difference(table: Measured, sizes: Mapping[str, int] | None) -> int | None:
    if sizes is None or table.bytes is None:
        return None
    return table.bytes + (table.index_bytes or 0) - sizes.get(table.name, 0)
