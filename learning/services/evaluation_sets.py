"""Evaluation sets as a whole: counted, switched on and off, deleted."""

from django.db import transaction

from learning.models import Calibration, EvaluationOutcome, EvaluationSet
from routing.services.writers_turn import writers_turn

BATCH_ROWS = 5_000


class SetInUse(Exception):
    """The set belongs to a calibration that is not over, or is not complete."""


def count(evaluation_set: EvaluationSet) -> None:
    """Set the counts of prompts and outcomes on the object to what is stored; does not save it."""
    outcomes = EvaluationOutcome.objects.filter(evaluation_set=evaluation_set)
    evaluation_set.outcome_count = outcomes.count()
    evaluation_set.prompt_count = outcomes.order_by().values("prompt_hash").distinct().count()


def is_complete(evaluation_set: EvaluationSet) -> bool:
    """Tell whether a set holds all it was made for: an import to its last row, a calibration that has ended."""
    if evaluation_set.source == EvaluationSet.Source.IMPORT:
        return evaluation_set.content_hash is not None
    ended = (Calibration.State.COMPLETED, Calibration.State.STOPPED)
    return Calibration.objects.filter(evaluation_set=evaluation_set, state__in=ended).exists()


def set_enabled(evaluation_set: EvaluationSet, *, is_enabled: bool) -> None:
    """Switch whether predictors are trained on a set; raises SetInUse for one that is not complete."""
    if is_enabled and not is_complete(evaluation_set):
        raise SetInUse(f"Set {evaluation_set.pk} is not complete, so it cannot be trained on: finish or delete it.")
    with writers_turn(), transaction.atomic():
        EvaluationSet.objects.filter(pk=evaluation_set.pk).update(is_enabled=is_enabled)
    evaluation_set.is_enabled = is_enabled


def refuse_in_use(evaluation_set: EvaluationSet) -> None:
    """Raise SetInUse while a calibration may still write to the set."""
    over = (Calibration.State.COMPLETED, Calibration.State.STOPPED, Calibration.State.CANCELLED)
    open_ones = Calibration.objects.filter(evaluation_set=evaluation_set).exclude(state__in=over)
    if found := open_ones.first():
        raise SetInUse(
            f"Set {evaluation_set.pk} belongs to calibration {found.pk}, which is {found.state}. Cancel that first: "
            f"manage.py optimizer calibrate cancel {found.pk}"
        )


def delete(evaluation_set: EvaluationSet) -> None:
    """Delete a set with its outcomes, in batches that never hold the database for long; it is switched off first."""
    with writers_turn(), transaction.atomic():
        EvaluationSet.objects.filter(pk=evaluation_set.pk).update(is_enabled=False)
    outcomes = EvaluationOutcome.objects.filter(evaluation_set=evaluation_set)
    while ids := list(outcomes.order_by().values_list("pk", flat=True)[:BATCH_ROWS]):
        with writers_turn(), transaction.atomic():
            EvaluationOutcome.objects.filter(pk__in=ids).delete()
    with writers_turn(), transaction.atomic():
        EvaluationSet.objects.filter(pk=evaluation_set.pk).delete()
