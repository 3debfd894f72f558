"""What a savings report says of itself: what was measured, what is assumed, and what to do next."""

from insights.domain.savings import words
from insights.domain.savings.tally import NO_NAME, Reason
from insights.services.savings.reports import SavingsReport

CAUTION = (
    "These are prices, not promises: a log of usage does not say which prompts a cheaper model would have answered as",
    "well. To find out, calibrate on your own prompts, or run both in an experiment (docs/SAVINGS-REPORT.md).",
)
NEXT = (
    (
        "Calibrate",
        "Ask several models your own prompts and have a judge compare the answers: it tells how many of them a cheaper "
        "model answers as well.",
        "manage.py optimizer calibrate",
    ),
    (
        "Run both",
        "Send a share of your traffic to each, and let an experiment weigh cost against quality before you switch.",
        "manage.py optimizer experiments",
    ),
    (
        "Route",
        "Ask the gateway for the model auto; every request then leaves a row with its exact cost and what it saved.",
        "manage.py optimizer start",
    ),
)


def what_was_read(report: SavingsReport) -> str:
    """Say what the file is, how many rows it has, and from when to when."""
    figures, reading = report.figures, report.reading
    span = (
        ""
        if figures.first is None or figures.last is None
        else f", {figures.first:%Y-%m-%d} to {figures.last:%Y-%m-%d}"
    )
    return f"{report.file_name}: {reading.layout.format.title}, {words.plural(reading.rows, 'row')}{span} (UTC)."


def warnings(report: SavingsReport) -> list[str]:
    """Say what a reader must know before any figure."""
    reading, found = report.reading, []
    if reading.broken:
        line, reason = reading.broken
        found.append(
            f"Reading ended at line {words.number(line)}: {reason}. What stands behind it is not in this report."
        )
    if reading.unreadable:
        found.append(
            f"{words.plural(reading.unreadable, 'row')} could not be read and {_is(reading.unreadable)} left out."
        )
    return found


def reading(report: SavingsReport) -> list[str]:
    """Say which rows do not count, and why."""
    figures, found = report.figures, []
    if figures.duplicates:
        found.append(
            f"{words.plural(figures.duplicates, 'row')} repeated another and {_is(figures.duplicates)} counted once."
        )
    if figures.outside:
        found.append(f"{words.plural(figures.outside, 'row')} {_is(figures.outside)} outside of what was asked for.")
    if report.reading.empty:
        found.append(f"{words.plural(report.reading.empty, 'span', 'spans')} of time without usage.")
    by_reason: dict[str, int] = {}
    for each in figures.left_out:
        by_reason[each.reason] = by_reason.get(each.reason, 0) + each.spent.rows
    found += [f"{words.plural(rows, 'row')} not compared: {reason}." for reason, rows in by_reason.items()]
    if Reason.MONEY_ONLY in by_reason:
        found.append("Amounts without tokens have no price elsewhere: export the usage of the same time instead.")
    if any(each.reason == Reason.UNKNOWN_MODEL and each.name == NO_NAME for each in figures.left_out):
        found.append("Rows without a model can only be priced when the export is grouped by model (group_by=model).")
    return found


def measured(report: SavingsReport) -> list[str]:
    """Say what is not in doubt."""
    found = [
        "Tokens and requests are those of the log.",
        f"Prices are those of the catalog at the time of each row ({', '.join(report.price_sources) or 'by staff'}), "
        "with the rates for cached input and long inputs where a model has them. Sums are exact; what is shown is "
        "rounded.",
    ]
    if not report.reading.layout.format.has_requests:
        found.append(
            "This log adds up requests, so prices that depend on the length of one are taken for the mean of each row."
        )
    return found


def assumed(report: SavingsReport) -> list[str]:
    """Say what is taken for granted."""
    figures = report.figures
    found = [
        "Another model would have needed as many tokens. Models cut text into tokens differently, and some write "
        "longer answers: a third more or less is common.",
        "What was read from a provider's prompt cache would have been read from the other's too, where it has a rate "
        "for that.",
        "All requests of one logged model go to one other model that has the context and the length of answer for "
        "them. Whether they needed tools or pictures, a log does not say.",
        "A price that the catalog has no date for counts for all times, so a model may be compared that came later.",
        "Nothing is said of quality: no figure here knows whether the answers would have been as good.",
    ]
    if unclassified := [each.model for each in figures.used if each.tier is None]:
        found.append(
            f"Models that the catalog has no tier for are taken for the highest: {', '.join(unclassified[:10])}."
        )
    if figures.by_prompt:
        found.append(
            "For rows with a prompt, the tier is what the router's rule reads in it, not what ratings would teach it."
        )
    return found


def _is(count: int) -> str:
    return "is" if count == 1 else "are"
