"""The tables that are imported: those of every model, with how each column is converted."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.apps import apps
from django.db import models

from optimizer_project.sqlite_import.conversion import NULL, Column, Repairs, Unconvertible, column_of


@dataclass(frozen=True)
class Table:
    """One table of a model. ``repairs`` says of the row that was converted last what was replaced in it."""

    model: type[models.Model]
    columns: tuple[Column, ...]
    repairs: Repairs

    @property
    def name(self) -> str:
        return str(self.model._meta.db_table)

    @cached_property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def counted_column(self) -> str | None:
        """The column that gets its numbers from a sequence."""
        field = self.model._meta.auto_field
        return str(field.column) if field is not None else None

    def line(self, values: tuple[Any, ...]) -> str:
        """Return the row as a line of COPY, without its end. Raises Unconvertible, naming the column."""
        self.repairs.columns.clear()
        texts = []
        for column, value in zip(self.columns, values, strict=True):
            try:
                texts.append(NULL if value is None else column.convert(value))
            except Unconvertible as error:
                raise Unconvertible(f"{column.name}: {error}") from error
        return "\t".join(texts)

    def canonical(self, line: str) -> str:
        """Return a text that is the same for a row on both sides, however each of them writes its values."""
        texts = line.split("\t")
        for place, canonical in self._canonicals:
            if texts[place] != NULL:
                texts[place] = canonical(texts[place])
        return "\t".join(texts)

    @cached_property
    def _canonicals(self) -> list[tuple[int, Any]]:
        return [(place, column.canonical) for place, column in enumerate(self.columns) if column.canonical]


def all_tables() -> list[Table]:
    """Return the tables of every model that has one, each once."""
    return list(_tables())


def _tables() -> Iterator[Table]:
    seen = set()
    for model in apps.get_models(include_auto_created=True):
        options = model._meta
        if not options.managed or options.proxy or options.db_table in seen:
            continue
        seen.add(options.db_table)
        repairs = Repairs()
        yield Table(model, tuple(column_of(field, repairs) for field in options.local_concrete_fields), repairs)
