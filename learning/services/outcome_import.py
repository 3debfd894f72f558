"""Imports evaluation outcomes: what several models did on the same prompts, so that learning starts warm.

A file is read twice: checked to its end, then stored in batches of their own transactions. The set stays switched off,
and without its content hash, until its last row is in; one that was broken off is never trained on.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import IntegrityError, transaction

from accounts.models import Team
from learning.domain import outcome_rows
from learning.domain.outcome_rows import ImportedOutcome, InvalidHeader, InvalidRow
from learning.models import EvaluationOutcome, EvaluationSet
from learning.selectors import model_names
from learning.services import evaluation_prompts, evaluation_sets
from learning.services.table_files import InvalidFile, Progress, Source, Table
from routing.services.writers_turn import writers_turn

SHOWN_ERRORS = 20
MAX_MODELS = 1_000
MAX_ROWS = 5_000_000
BATCH_ROWS = 500


class AlreadyImported(Exception):
    """The same content is in a set of the same team already."""


@dataclass(frozen=True, slots=True)
class RowError:
    """What is wrong with the row that begins on this line."""

    line: int
    message: str


@dataclass(slots=True)
class FileReport:
    """What a file holds: ``models`` counts good rows by the name they are kept under, ``errors`` are the first 20.

    ``unknown_models`` are those that the catalog does not name; they are kept as given.
    """

    rows: int = 0
    bad_rows: int = 0
    errors: list[RowError] = field(default_factory=list)
    models: dict[str, int] = field(default_factory=dict)
    unknown_models: list[str] = field(default_factory=list)
    ignored_columns: tuple[str, ...] = ()
    content_hash: str = ""

    @property
    def good_rows(self) -> int:
        return self.rows - self.bad_rows


@dataclass(frozen=True, slots=True)
class Imported:
    """A stored set; ``duplicates`` are rows that a later one for the same prompt and model replaced."""

    evaluation_set: EvaluationSet
    report: FileReport
    duplicates: int


class BadRows(Exception):
    """The file has rows that are no outcomes, so that nothing was imported; ``report`` says which."""

    def __init__(self, report: FileReport) -> None:
        super().__init__(f"{report.bad_rows} of {report.rows} rows are not valid; nothing was imported.")
        self.report = report


def check(source: Source, *, team: Team | None, progress: Progress | None = None) -> FileReport:
    """Read a file to its end and say what is in it; stores nothing.

    Raises:
        InvalidFile: It cannot be read on, its columns are others, or it has too many rows or models.
    """
    reading = _Reading(source, progress)
    for _ in reading.outcomes():
        pass
    reading.report.content_hash = _content_hash(team, reading.sha256)
    return reading.report


def import_outcomes(
    source: Source,
    *,
    name: str,
    team: Team | None,
    actor: str,
    now: datetime,
    skip_bad: bool = False,
    progress: Progress | None = None,
) -> Imported:
    """Check a file and store its outcomes as an enabled set; all of it or nothing.

    Of rows for the same prompt and model the last one counts: such files are appended to when a run is repeated.

    Args:
        team: Whose evidence it is; None for the shared policy.
        progress: Told how many bytes of the two passes have been read.

    Raises:
        InvalidFile: The file cannot be read on, changed meanwhile, or holds no good row.
        BadRows: Some rows are bad and ``skip_bad`` is false.
        AlreadyImported: The same content is there already.
    """
    report = check(source, team=team, progress=progress)
    _refuse(report, source, skip_bad=skip_bad)
    evaluation_set = EvaluationSet.objects.create(
        team=team,
        name=name[:200],
        source=EvaluationSet.Source.IMPORT,
        is_enabled=False,
        created_at=now,
        created_by=actor,
    )
    try:
        _store(evaluation_set, source, report, progress)
        _finish(evaluation_set, report)
    except BaseException:
        evaluation_sets.delete(evaluation_set)
        raise
    return Imported(evaluation_set, report, report.good_rows - evaluation_set.outcome_count)


def _refuse(report: FileReport, source: Source, *, skip_bad: bool) -> None:
    if report.bad_rows and not skip_bad:
        raise BadRows(report)
    if not report.good_rows:
        raise InvalidFile(f"{source.name} holds no outcome.")
    existing = EvaluationSet.objects.filter(content_hash=report.content_hash).first()
    if existing is not None:
        raise _already(existing)


def _already(existing: EvaluationSet) -> AlreadyImported:
    return AlreadyImported(
        f"This content was imported on {existing.created_at:%Y-%m-%d} as set {existing.pk} ({existing.name}). Delete "
        f"that set first to import it anew: manage.py optimizer outcomes delete {existing.pk}"
    )


def _store(evaluation_set: EvaluationSet, source: Source, report: FileReport, progress: Progress | None) -> None:
    def second_pass(position: int) -> None:
        if progress is not None:
            progress(source.size + position)

    reading = _Reading(source, second_pass)
    batch: dict[tuple[str, str], EvaluationOutcome] = {}
    sealed = ("", b"", "")
    for outcome in reading.outcomes():
        if outcome.prompt != sealed[0]:
            hashed = evaluation_prompts.hash_of(outcome.prompt)
            sealed = (outcome.prompt, evaluation_prompts.encrypt(outcome.prompt), hashed)
        row = _row(evaluation_set, outcome, encrypted_prompt=sealed[1], prompt_hash=sealed[2])
        batch[(row.prompt_hash, row.model)] = row
        if len(batch) >= BATCH_ROWS:
            _write(list(batch.values()))
            batch.clear()
    _write(list(batch.values()))
    if _content_hash(evaluation_set.team, reading.sha256) != report.content_hash:
        raise InvalidFile(f"{source.name} changed while it was read: import it again.")


def _row(
    evaluation_set: EvaluationSet, outcome: ImportedOutcome, *, encrypted_prompt: bytes, prompt_hash: str
) -> EvaluationOutcome:
    return EvaluationOutcome(
        evaluation_set=evaluation_set,
        prompt_hash=prompt_hash,
        encrypted_prompt=encrypted_prompt,
        task=outcome.task,
        model=outcome.model,
        quality=outcome.quality,
        cost_nano_usd=outcome.cost_nano_usd,
        output_tokens=outcome.output_tokens,
    )


def _write(rows: Sequence[EvaluationOutcome]) -> None:
    if not rows:
        return
    with writers_turn(), transaction.atomic():
        EvaluationOutcome.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["evaluation_set", "prompt_hash", "model"],
            update_fields=["task", "quality", "cost_nano_usd", "output_tokens"],
        )


def _finish(evaluation_set: EvaluationSet, report: FileReport) -> None:
    evaluation_sets.count(evaluation_set)
    evaluation_set.content_hash = report.content_hash
    evaluation_set.is_enabled = True
    try:
        with writers_turn(), transaction.atomic():
            evaluation_set.save(update_fields=["prompt_count", "outcome_count", "content_hash", "is_enabled"])
    except IntegrityError as error:
        raise _already(EvaluationSet.objects.get(content_hash=report.content_hash)) from error


def _content_hash(team: Team | None, sha256: str) -> str:
    """Return the hash of a content within a scope: what one team imported, another may import as well."""
    return hashlib.sha256(f"{'' if team is None else team.pk} {sha256}".encode()).hexdigest()


class _Reading:
    """One pass over a file; ``report`` fills up while the good outcomes are taken."""

    def __init__(self, source: Source, progress: Progress | None) -> None:
        self.report = FileReport()
        self._table = Table(source, progress=progress)
        self._source = source
        self._catalog: Mapping[str, str] = model_names.full_names()

    @property
    def sha256(self) -> str:
        return self._table.sha256

    def outcomes(self) -> Iterator[ImportedOutcome]:
        report = self.report
        is_checked = False
        for record in self._table.records():
            if not is_checked and self._table.columns:
                self._check_columns()
                is_checked = True
            report.rows += 1
            if report.rows > MAX_ROWS:
                raise InvalidFile(f"{self._source.name} has more than {MAX_ROWS} rows: split it.")
            try:
                if record.problem:
                    raise InvalidRow(record.problem)
                outcome = outcome_rows.parse(record.values)
            except InvalidRow as error:
                report.bad_rows += 1
                if len(report.errors) < SHOWN_ERRORS:
                    report.errors.append(RowError(record.line, str(error)))
                continue
            yield self._named(outcome)
        if not is_checked and self._table.columns:
            self._check_columns()

    def _check_columns(self) -> None:
        try:
            self.report.ignored_columns = outcome_rows.check_columns(self._table.columns)
        except InvalidHeader as error:
            raise InvalidFile(f"{self._source.name}: {error}") from error

    def _named(self, outcome: ImportedOutcome) -> ImportedOutcome:
        known = self._catalog.get(outcome.model)
        name = known or outcome.model
        if name not in self.report.models:
            if len(self.report.models) == MAX_MODELS:
                raise InvalidFile(f"{self._source.name} names more than {MAX_MODELS} models: is that its model column?")
            self.report.models[name] = 0
            if known is None:
                self.report.unknown_models.append(name)
        self.report.models[name] += 1
        if name == outcome.model:
            return outcome
        return ImportedOutcome(
            outcome.prompt, name, outcome.quality, outcome.cost_nano_usd, outcome.task, outcome.output_tokens
        )
