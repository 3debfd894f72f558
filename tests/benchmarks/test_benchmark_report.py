from pathlib import Path

import pytest

from benchmarks.measures import Sample
from benchmarks.report import BEGIN, END, ratios, render, verdicts, write_between_markers

MEASURE = "requests_per_second_64"


def sample(target: str, value: float | None, *, number: int = 1, measure: str = MEASURE, note: str = "") -> Sample:
    return Sample(number, target, measure, value, note)


def test_table_shows_the_median_the_extremes_and_the_ratio_of_each_round() -> None:
    samples = [
        *(sample("optimizer-postgresql", value, number=i) for i, value in ((1, 2000.0), (2, 3000.0), (3, 2400.0))),
        *(sample("litellm", value, number=i) for i, value in ((1, 100.0), (2, 100.0), (3, 80.0))),
    ]

    lines = render(samples, ["2 cores"]).splitlines()

    # Ratios by round are 20, 30 and 30.
    assert lines[2] == (
        "| requests/s, 64 connections | 2,400 (2,000 to 3,000) | 100 (80 to 100) | 30.0 (20.0 to 30.0) |"
    )
    assert lines[-1] == "- 2 cores"


def test_failing_target_is_shown_with_its_reason_and_has_no_ratio() -> None:
    samples = [
        sample("optimizer-postgresql", 1500.0, measure="streams_per_second"),
        sample("portkey", None, measure="streams_per_second", note="fails (HTTP 500)"),
    ]

    assert "| streams/s of 20 chunks, 32 connections | 1,500 | fails (HTTP 500) | - |" in render(samples, [])


def test_ratio_of_a_cost_is_above_one_when_ours_is_less() -> None:
    samples = [sample("optimizer-postgresql", 2.0, measure="p50"), sample("litellm", 22.0, measure="p50")]

    assert ratios(samples, "p50", "lower", "litellm") == [11.0]


def test_latency_measured_below_zero_has_no_ratio() -> None:
    samples = [sample("optimizer-postgresql", -0.1, measure="p50"), sample("litellm", 22.0, measure="p50")]

    assert ratios(samples, "p50", "lower", "litellm") == []


@pytest.mark.parametrize(
    ("ours", "word"),
    [(2000.0, "met"), (1999.0, "above the floor"), (1200.0, "above the floor"), (1199.0, "BELOW THE FLOOR")],
)
def test_goal_is_judged_by_target_and_floor(ours: float, word: str) -> None:
    samples = [sample("optimizer-postgresql", ours), sample("litellm", 100.0)]

    assert verdicts(samples)[0].word == word


def test_goal_without_figures_counts_as_not_measured() -> None:
    assert {verdict.word for verdict in verdicts([])} == {"not measured"}


def test_latency_goal_is_met_from_below() -> None:
    measure = "added_p50_ms_at_100"

    assert verdicts([sample("optimizer-postgresql", 5.0, measure=measure)])[3].word == "met"
    assert verdicts([sample("optimizer-postgresql", 5.1, measure=measure)])[3].word == "missed"


def test_report_replaces_only_what_stands_between_the_markers(tmp_path: Path) -> None:
    page = tmp_path / "PERFORMANCE.md"
    page.write_text(f"# Performance\n\nBefore.\n\n{BEGIN}\nold\n{END}\n\nAfter.\n")

    write_between_markers(page, "new\n")

    assert page.read_text() == f"# Performance\n\nBefore.\n\n{BEGIN}\n\nnew\n\n{END}\n\nAfter.\n"


def test_report_is_appended_to_a_page_without_markers(tmp_path: Path) -> None:
    page = tmp_path / "docs" / "PERFORMANCE.md"

    write_between_markers(page, "new\n")

    assert page.read_text() == f"# Performance\n\n{BEGIN}\n\nnew\n\n{END}\n"
