"""Evaluation outcomes as predictors are trained on them."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from accounts.models import Team
from accounts.selectors import in_scope
from accounts.services import encryption
from learning.models import EvaluationOutcome, EvaluationSet

logger = logging.getLogger(__name__)

PROMPT_PURPOSE = "evaluation-prompt"
BATCH_ROWS = 2_000


@dataclass(frozen=True, slots=True)
class OutcomeRow:
    """How one model did on one prompt: quality in [0, 1].

    ``model`` is ``provider/name`` where the catalog knows it. ``weight`` is 1 for every outcome: a set is evidence of
    the same kind wherever it comes from, and the one who trains decides how it counts beside feedback.
    """

    prompt: str
    task: str | None
    model: str
    quality: float
    weight: float = 1.0


def enabled_sets(team: Team | None) -> QuerySet[EvaluationSet]:
    """Return the sets a scope learns from: the shared ones, with the team's own, or for the shared policy with those
    of all teams that do not learn alone."""
    shared = Q(team=None)
    return EvaluationSet.objects.filter(shared | in_scope(team), is_enabled=True)


def training_outcomes(team: Team | None) -> Iterator[OutcomeRow]:
    """Yield the outcomes of the enabled sets of a scope, prompt by prompt within each set, decrypted as they are read.

    Prompts whose key is no longer known are left out and counted in the log.
    """
    unreadable = 0
    for set_id in enabled_sets(team).order_by("pk").values_list("pk", flat=True):
        rows = EvaluationOutcome.objects.filter(evaluation_set=set_id).order_by("prompt_hash", "model")
        last_hash, prompt = "", None
        for row in rows.iterator(chunk_size=BATCH_ROWS):
            if row.prompt_hash != last_hash:
                last_hash, prompt = row.prompt_hash, _decrypted(row)
            if prompt is None:
                unreadable += 1
                continue
            yield OutcomeRow(prompt, row.task, row.model, row.quality)
    if unreadable:
        logger.warning("%s evaluation outcomes cannot be read: their SECRET_KEY has been rotated out", unreadable)


def _decrypted(row: EvaluationOutcome) -> str | None:
    try:
        return encryption.decrypt(bytes(row.encrypted_prompt), purpose=PROMPT_PURPOSE).decode()
    except encryption.CannotDecrypt:
        return None
