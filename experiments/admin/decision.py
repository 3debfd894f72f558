"""What an experiment says, in one line: what it found, and what follows for whoever reads it."""

from dataclasses import dataclass

from django.utils.formats import date_format

from experiments.admin import words
from experiments.models import Experiment

Status = Experiment.Status
_ENDING = ("winner", "guardrail_failed")


@dataclass(frozen=True, slots=True)
class Headline:
    """``tone`` is good, bad, warn or plain."""

    text: str
    tone: str


def headline(experiment: Experiment) -> Headline:
    """Return the decision in a few words."""
    if experiment.status == Status.CANCELLED:
        return Headline("Cancelled without a decision", "plain")
    if not has_requests(experiment):
        return Headline(
            "Waiting for the first request" if experiment.is_running else "Ended without a request", "plain"
        )
    return _HEADLINES[experiment.decision_status](experiment)


def next_step(experiment: Experiment) -> str:
    """Return what happens now, or what a person could do."""
    if experiment.promoted_policy_id is not None:
        return f"Policy {experiment.promoted_policy_id} came of it and was let route."
    if experiment.is_running:
        return _next_while_running(experiment)
    if experiment.winner is not None:
        return "Traffic is routed as before the experiment until an arm is promoted."
    if experiment.decision_status == "srm_detected":
        return "Find out what loses requests of one arm, then start a new experiment."
    return "Traffic is routed as before the experiment."


def ending(experiment: Experiment) -> str:
    """Return when, by whom and why it ended; empty while it runs."""
    if experiment.ended_at is None:
        return ""
    when = date_format(experiment.ended_at, "j M Y, H:i")
    by = "by itself" if experiment.ended_by in ("schedule", "") else f"by {experiment.ended_by}"
    reason = f": {experiment.end_reason}" if experiment.end_reason and by != "by itself" else ""
    return f"{experiment.get_status_display().capitalize()} on {when} UTC {by}{reason}"


def has_requests(experiment: Experiment) -> bool:
    """Whether the present phase has any request that is closed."""
    found = experiment.last_analysis
    return found is not None and any(arm["requests"] for arm in found["arms"].values())


def strategy_of(experiment: Experiment, arm: str | None) -> str:
    """Return what an arm routes by, for people."""
    is_control = arm == experiment.arms[0]["name"]
    return words.strategy(experiment.control_strategy if is_control else experiment.test_strategy)


def _won(experiment: Experiment) -> Headline:
    winner = strategy_of(experiment, experiment.winner)
    return Headline(f"{winner.capitalize()} wins: cheaper, and no worse than allowed", "good")


def _wrong_split(experiment: Experiment) -> Headline:
    return Headline("The split went wrong, so nothing can be concluded", "bad")


def _too_early(experiment: Experiment) -> Headline:
    return Headline("Not enough is known yet" if experiment.is_running else "Ended before enough was known", "plain")


def _worse(experiment: Experiment) -> Headline:
    return Headline(f"{strategy_of(experiment, 'test').capitalize()} is worse than allowed", "bad")


def _undecided(experiment: Experiment) -> Headline:
    if experiment.reason_code == "guardrails_undecided":
        return Headline("Cheaper, but not yet shown to be as good", "warn")
    return Headline("No winner yet", "plain")


def _no_difference(experiment: Experiment) -> Headline:
    if experiment.reason_code == "guardrails_undecided":
        return Headline("Cheaper, but never shown to be as good", "warn")
    return Headline("No difference in cost was found", "plain")


def _next_while_running(experiment: Experiment) -> str:
    if experiment.decision_status in _ENDING or experiment.reason_code == "sample_ratio_mismatch":
        promotes = experiment.decision_status == "winner" and experiment.on_winner == Experiment.OnWinner.PROMOTE
        then = ", and the winner then routes all traffic" if promotes else ""
        return f"It ends by itself within the hour{then}. Complete ends it now."
    if experiment.sample_size is not None:
        size = words.count(experiment.sample_size, "request")
        return f"It ends by itself at {size}, or as soon as there is a winner or a margin is broken."
    return "It goes on until there is a winner, a margin is broken, or somebody ends it."


_HEADLINES = {
    "winner": _won,
    "srm_detected": _wrong_split,
    "insufficient_data": _too_early,
    "guardrail_failed": _worse,
    "running": _undecided,
    "no_difference": _no_difference,
}
