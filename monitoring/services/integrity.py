"""Looks whether what is stored agrees with itself, and with what is computed anew from raw rows."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from random import Random
from typing import Any

from monitoring.models import IntegrityCheck
from monitoring.services.integrity_checks import ledger, ratings, sums
from monitoring.services.integrity_checks.scope import Outcome, Scope

logger = logging.getLogger(__name__)

Kind = IntegrityCheck.Kind
CHECKS: Mapping[str, Callable[[Scope], Outcome]] = {
    "ledger_figures": ledger.figures,
    "ledger_open_rows": ledger.open_rows,
    "usage_rollups": sums.rollups,
    "budgets": sums.budgets,
    "feedback_links": ratings.links,
    "feedback_rewards": ratings.rewards,
    "feedback_tallies": ratings.sums,
}


def spot_check(*, now: datetime) -> dict[str, Any]:
    """Look at a little of everything, another little each time; made to take less than half a second.

    Returns:
        The share of the checks that passed, and the names of those that failed.
    """
    # By the hour, so that what one process draws another one can draw again.
    check = run(Scope(now, Random(int(now.timestamp())), is_full=False))  # noqa: S311
    failed = [result["name"] for result in check.results if not result["passed"]]
    return {"pass_rate": check.pass_rate, "failed": failed, "duration_ms": check.duration_ms}


def full_check(*, now: datetime) -> IntegrityCheck:
    """Look at everything there is, which takes minutes for each million requests."""
    return run(Scope(now, Random(0), is_full=True))  # noqa: S311


def run(scope: Scope) -> IntegrityCheck:
    """Make every check and keep the result, which the alert rule and the metrics read."""
    started = time.monotonic()
    outcomes = [check(scope) for check in CHECKS.values()]
    passed = sum(outcome.passed for outcome in outcomes)
    for outcome in outcomes:
        if not outcome.passed:
            logger.error("Integrity: %s failed %d times: %s", outcome.name, outcome.failures, outcome.examples)
    return IntegrityCheck.objects.create(
        kind=Kind.FULL if scope.is_full else Kind.SPOT,
        checked_at=scope.now,
        duration_ms=round((time.monotonic() - started) * 1000),
        pass_rate=passed / len(outcomes),
        results=[{**asdict(outcome), "passed": outcome.passed} for outcome in outcomes],
    )
