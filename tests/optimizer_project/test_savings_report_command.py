"""`manage.py savings_report`: from a file to a summary, a page and JSON, and what it refuses."""

import csv
import gzip
import json
from collections.abc import Callable, Iterable
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests import factories

pytestmark = pytest.mark.django_db

Run = Callable[..., str]
ROW: dict[str, Any] = {
    "request_id": "chatcmpl-1",
    "call_type": "acompletion",
    "spend": 0.014,
    "total_tokens": 1_100,
    "prompt_tokens": 1_000,
    "completion_tokens": 100,
    "startTime": "2026-03-04T12:00:00Z",
    "endTime": "2026-03-04T12:00:01Z",
    "model": "big-2026-01-01",
    "model_group": "chat",
    "custom_llm_provider": "openai",
    "cache_hit": "False",
    "team_id": "search",
    "metadata": {},
}


@pytest.fixture
def catalog() -> None:
    """Two models of one tier: 1,000 tokens in and 100 out cost 0.014 dollars on big, and 0.0028 on middle."""
    openai, claude = factories.provider("openai"), factories.provider("claude")
    for provider, name, tier, rates in (
        (openai, "big", "complex", ("10", "40")),
        (claude, "other-big", "complex", ("2", "8")),
        (openai, "small", "simple", ("0.1", "0.4")),
    ):
        model = factories.language_model(provider, name, tier=tier, max_output_tokens=100_000)
        factories.price(model, *rates)
    factories.price(factories.language_model(factories.provider("beside", is_embedded=True), "toy"), "0", "0")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def call(file: Path, *arguments: str) -> str:
        out = StringIO()
        call_command("savings_report", str(file), *arguments, stdout=out)
        return out.getvalue()

    return call


def rows(number: int, **changes: Any) -> list[dict[str, Any]]:
    return [{**ROW, "request_id": f"chatcmpl-{place}", **changes} for place in range(number)]


def lines(found: Iterable[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in found)


def written(folder: Path, text: str | bytes, name: str = "log.jsonl") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def as_csv(found: list[dict[str, Any]]) -> str:
    out = StringIO()
    writer = csv.writer(out)
    writer.writerow(found[0])
    writer.writerows([json.dumps(cell) if isinstance(cell, dict) else cell for cell in row.values()] for row in found)
    return out.getvalue()


def test_a_log_becomes_a_summary_and_a_page_next_to_it(catalog: None, run: Run, tmp_path: Path) -> None:
    said = run(written(tmp_path, lines(rows(3))))

    # Three requests of 0.014 dollars: 0.0084 on the other model of the tier, 0.00042 on the small one.
    assert "log.jsonl: LiteLLM spend logs, 3 rows, 2026-03-04 to 2026-03-04 (UTC)." in said
    assert "$0.0420           as logged" in said
    assert "$0.0420           by the price book" in said
    assert "$0.0420    (0.0 %) same provider, same tier" in said
    assert "$0.00840  (-80.0 %) same tier" in said
    assert "$0.000420  (-99.0 %) cheapest of all" in said
    assert "These are prices, not promises" in said
    page = (tmp_path / "savings-report.html").read_text()
    assert "claude/<wbr>other-big" in page
    assert "$0.00840" in page


@pytest.mark.parametrize(
    "content",
    [
        json.dumps(rows(3), indent=1),
        json.dumps({"data": rows(3), "total": 3}),
        as_csv(rows(3)),
        as_csv(rows(3)).encode("utf-16"),
        gzip.compress(lines(rows(3)).encode()),
    ],
)
def test_every_container_gives_the_same_figures(catalog: None, run: Run, tmp_path: Path, content: str | bytes) -> None:
    told = json.loads(run(written(tmp_path, content), "--json"))

    assert told["rows"] == 3
    assert told["figures"]["compared"]["cost_usd"] == "0.042000000"
    assert [each["cost_usd"] for each in told["figures"]["scenarios"]] == [
        "0.042000000",
        "0.008400000",
        "0.008400000",
        "0.000420000",
    ]


def test_rows_are_chosen_by_day_and_team_and_savings_measured_against_a_baseline(
    catalog: None, run: Run, tmp_path: Path
) -> None:
    file = written(
        tmp_path,
        lines(
            [
                {**ROW, "request_id": "1", "startTime": "2026-03-03T23:59:59Z"},
                {**ROW, "request_id": "2", "model": "small"},
                {**ROW, "request_id": "3", "team_id": "other"},
                {**ROW, "request_id": "4", "startTime": "2026-03-05T00:00:00Z"},
            ]
        ),
    )

    said = run(file, "--json", "--since=2026-03-04", "--until=2026-03-04", "--team=search", "--baseline=openai/big")

    figures = json.loads(said)["figures"]
    assert (figures["compared"]["rows"], figures["outside"]) == (1, 3)
    # 0.014 on big, the baseline; 0.00014 on small, where it stays.
    assert figures["reference_usd"] == "0.014000000"
    assert figures["scenarios"][0]["saved_usd"] == "0.013860000"


def test_only_models_of_a_named_provider_are_compared_with(catalog: None, run: Run, tmp_path: Path) -> None:
    told = json.loads(run(written(tmp_path, lines(rows(1))), "--json", "--provider=openai"))

    assert [each["model"] for each in told["figures"]["options"]] == ["openai/small", "openai/big"]


def test_nothing_is_written_to_the_database(catalog: None, run: Run, tmp_path: Path) -> None:
    with CaptureQueriesContext(
        connection,
    ) as asked:
        run(written(tmp_path, lines(rows(2))))

    assert asked.captured_queries
    assert [each["sql"] for each in asked.captured_queries if not each["sql"].startswith("SELECT")] == []


class _Page(HTMLParser):
    """Notes the tags of a page and every address in it."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: list[str | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href", "action", "srcset", "data")]


def test_the_page_needs_no_script_and_no_other_host_and_escapes_what_a_log_says(
    catalog: None, run: Run, tmp_path: Path
) -> None:
    evil = '<script>alert(1)</script>"><img src=http://evil>'
    hostile = rows(2, model=evil, team_id=evil) + rows(3, metadata={"user_api_key_team_alias": evil})
    run(written(tmp_path, lines(hostile) + '{"spend": "<svg onload=x>"}\n', "<b>log.jsonl"))
    text = (tmp_path / "savings-report.html").read_text()
    page = _Page()
    page.feed(text)

    assert not {"script", "img", "iframe", "link", "b"} & page.tags
    assert page.addresses == []
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "url(" not in text
    assert "@import" not in text


def test_every_row_that_cannot_be_read_is_told_with_its_line(catalog: None, run: Run, tmp_path: Path) -> None:
    good = lines(rows(2))
    bad = [
        {**ROW, "request_id": "x", "prompt_tokens": -5},
        {**ROW, "request_id": "y", "startTime": "soon"},
    ]
    text = good + lines(bad) + "{broken\n" + lines([{**ROW, "request_id": "chatcmpl-0"}])

    said = run(written(tmp_path, text))

    assert "3 rows could not be read and are left out." in said
    assert "1 row repeated another and is counted once." in said
    assert (
        "  line 3: prompt_tokens is negative: '-5'\n  line 4: startTime is 'soon', not a date\n  line 5: not JSON"
        in said
    )
    page = (tmp_path / "savings-report.html").read_text()
    assert "startTime is &#x27;soon&#x27;, not a date" in page


def test_a_file_that_breaks_off_is_reported_as_far_as_it_goes(catalog: None, run: Run, tmp_path: Path) -> None:
    whole = json.dumps(rows(3), indent=1)

    said = run(written(tmp_path, whole[: whole.rindex("metadata")]))

    assert "Reading ended at line 34: the file ends in the middle of a row." in said
    assert "Compared: 2 rows" in said


def test_a_packed_file_that_was_cut_short_is_reported_as_far_as_it_goes(
    catalog: None, run: Run, tmp_path: Path
) -> None:
    packed = gzip.compress(lines(rows(2_000)).encode())

    told = json.loads(run(written(tmp_path, packed[: len(packed) // 2]), "--json"))

    assert "the file cannot be read on" in told["ended_early"]["reason"]
    assert told["figures"]["compared"]["rows"] > 100


def test_a_log_without_anything_to_compare_says_so(catalog: None, run: Run, tmp_path: Path) -> None:
    said = run(written(tmp_path, lines(rows(2, model="llama", custom_llm_provider="groq"))))

    assert "2 rows not compared: models that the catalog does not have." in said
    assert "No row can be compared with other models." in said
    assert "Nothing to compare" in (tmp_path / "savings-report.html").read_text()


def test_a_page_is_overwritten_only_by_force(catalog: None, run: Run, tmp_path: Path) -> None:
    file = written(tmp_path, lines(rows(1)))
    page = written(tmp_path, "mine", "report.html")

    with pytest.raises(CommandError, match=r"is there already\. Overwrite it with --force"):
        run(file, f"--html={page}")
    assert page.read_text() == "mine"
    run(file, f"--html={page}", "--force")
    assert page.read_text().startswith("<!doctype html>")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log.jsonl", "report.html"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["--baseline=openai/bik"],
            "There is no model 'openai/bik' in the catalog. There are, for example: openai/big",
        ),
        (["--provider=nobody"], "There is no provider 'nobody'. There are: beside, claude, openai"),
        (["--html=nowhere/at/all.html"], "is no place for a page"),
        (["--html={file}", "--force"], "is the log itself"),
        (["--since=yesterday"], "'yesterday' is no day, such as 2026-03-01"),
        (["--format=excel"], "invalid choice: 'excel'"),
    ],
)
def test_what_cannot_be_is_refused_with_the_cure(
    catalog: None, run: Run, tmp_path: Path, arguments: list[str], words: str
) -> None:
    file = written(tmp_path, lines(rows(1)))

    with pytest.raises(CommandError, match=words):
        run(file, *(argument.format(file=file) for argument in arguments))


def test_a_file_that_is_not_there_is_refused(catalog: None, run: Run, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"none\.csv cannot be read: No such file or directory"):
        run(tmp_path / "none.csv")


def test_another_file_is_refused_with_what_can_be_read(catalog: None, run: Run, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="This is no usage log that can be read"):
        run(written(tmp_path, "name,age\nAda,36\n"))


def test_without_prices_the_command_that_loads_them_is_named(run: Run, tmp_path: Path) -> None:
    factories.language_model(factories.provider("openai"), "big")

    with pytest.raises(CommandError, match=r"manage\.py optimizer setup"):
        run(written(tmp_path, lines(rows(1))))


def test_the_help_names_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        call_command("savings_report", "--help")

    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert "nothing is written to the database" in " ".join(said.split())
    assert all(
        option in said for option in ("--format", "--html", "--force", "--since", "--until", "--team", "--baseline")
    )


def test_a_cell_of_ten_megabytes_is_read(catalog: None, run: Run, tmp_path: Path) -> None:
    usual = csv.field_size_limit()
    long = [{**ROW, "messages": text, "request_id": text[:1]} for text in ("x" * 10_000_000, "y")]

    told = json.loads(run(written(tmp_path, as_csv(long)), "--json"))

    assert (told["rows"], told["figures"]["compared"]["rows"]) == (2, 2)
    assert csv.field_size_limit() == usual
