"""Keeps how a judge's grades agree with themselves and with reference answers."""

from dataclasses import asdict
from typing import Any

from learning.domain.agreement import agreement
from learning.models import Calibration
from learning.services.graders.base import Grade

REPEATED = "repeated"
REFERENCES = "references"


def note(calibration: Calibration, grade: Grade) -> None:
    """Add a grade's pairs to the calibration's ``judge_agreement`` and figure it anew; does not save it.

    The document holds ``repeated`` and ``references``, each with ``pairs``, ``rate``, ``quadratic_kappa`` and
    ``spearman``, and the pairs themselves under ``grades``.
    """
    for name, other in ((REPEATED, grade.repeated), (REFERENCES, grade.by_reference)):
        if other is None:
            continue
        document: dict[str, Any] = calibration.judge_agreement or {"grades": {}}
        pairs = document["grades"].setdefault(name, [])
        pairs.append([grade.quality, other])
        document[name] = asdict(agreement([(one, second) for one, second in pairs]))
        calibration.judge_agreement = document
