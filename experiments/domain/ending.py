"""When an experiment has nothing more to find out, so that it may end without anybody's asking."""

from experiments.domain.result import Analysis

# With fewer units, a single one that changed arms is more than the share that is tolerated.
UNITS_TO_JUDGE_SHARES = 100
_CERTAIN = ("winner", "guardrail_failed")


def is_over(analysis: Analysis) -> bool:
    """Return whether what an analysis says will not change for the better by waiting.

    A winner and a failed guardrail follow from tests that hold at whatever look they are found; so does a wrong split.
    Without any of them the planned size must be reached, and what is missing beyond it (units, known costs) be there.
    """
    status, reason = analysis.decision.status, analysis.decision.reason_code
    if status in _CERTAIN or reason == "sample_ratio_mismatch":
        return True
    if reason == "units_in_both_arms":
        return analysis.is_final or sum(analysis.health.units.values()) >= UNITS_TO_JUDGE_SHARES
    return status == "no_difference"
