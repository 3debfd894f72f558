"""The savings report in the terminal."""

from collections.abc import Iterator

from insights.domain.savings import words
from insights.services.savings import notes
from insights.services.savings.reports import SavingsReport


def lines(report: SavingsReport) -> Iterator[str]:
    """Yield the lines of the report; every figure of it is on the page as well."""
    figures = report.figures
    yield notes.what_was_read(report)
    for note in (*notes.warnings(report), *notes.reading(report)):
        yield f"  {note}"
    if not figures.compared.rows:
        yield ""
        yield "No row can be compared with other models."
        return
    yield ""
    compared = figures.compared
    yield (
        f"Compared: {words.plural(compared.rows, 'row')}, {words.plural(compared.requests, 'request')}, "
        f"{words.tokens(compared.input_tokens)} tokens in, {words.tokens(compared.output_tokens)} out."
    )
    if compared.logged_usd is not None:
        yield f"  {words.usd(compared.logged_usd):>14}           as logged"
    yield f"  {words.usd(compared.cost_usd):>14}           by the price book"
    if figures.reference:
        yield f"  {words.usd(figures.reference_usd):>14}           all on {figures.reference}, the baseline of savings"
    yield "The same tokens would have cost:"
    for scenario in figures.scenarios:
        saved = f"({words.share(-scenario.saved_share)})"
        yield f"  {words.usd(scenario.cost_usd):>14} {saved:>10} {scenario.title.lower()}"
    if figures.by_prompt:
        cost, paid = words.usd(figures.by_prompt.cost_usd), words.usd(figures.by_prompt.paid_usd)
        rows = words.plural(figures.by_prompt.rows, "row")
        yield f"By what their prompts ask for, {rows} would have cost {cost} instead of {paid}."
    yield ""
    yield from notes.CAUTION


def unread(report: SavingsReport) -> Iterator[str]:
    """Yield the lines of the file that could not be read, each with the reason."""
    if report.reading.unread:
        yield ""
        yield "Could not be read:"
    for line, reason in report.reading.unread:
        yield f"  line {line}: {reason}"
    if rest := report.reading.unreadable - len(report.reading.unread):
        yield f"  and {words.number(rest)} more"
