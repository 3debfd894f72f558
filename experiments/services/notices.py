"""Tells people what became of an experiment: kept as a row, and logged."""

import logging
from datetime import datetime

from experiments.models import Experiment, ExperimentNotice

logger = logging.getLogger(__name__)

Kind = ExperimentNotice.Kind
_LONGEST = 1000


def post(experiment: Experiment, kind: str, message: str, *, now: datetime) -> ExperimentNotice:
    """Keep a notice; call it in the transaction that makes it true."""
    logger.info("Experiment %s %s: %s", experiment.id, kind, message)
    return ExperimentNotice.objects.create(experiment=experiment, kind=kind, message=message[:_LONGEST], created_at=now)
