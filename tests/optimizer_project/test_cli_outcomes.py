import json
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management.base import CommandError

from learning.models import EvaluationSet
from tests import factories

pytestmark = pytest.mark.django_db
Run = Callable[..., str]
GOOD = "prompt,model,quality,cost\nWhy?,gpt,1,0.001\nWhy?,other,0.5,\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "bench.csv"
    path.write_text(GOOD)
    return path


def test_file_is_imported_listed_shown_and_deleted(optimizer: Run, file: Path) -> None:
    factories.team("acme")
    told = optimizer("outcomes", "import", str(file), "--team", "acme", "--name", "bench")
    found = EvaluationSet.objects.get()
    assert f"Set {found.pk} (bench) holds 2 outcomes of 1 prompts" in told
    [listed] = json.loads(optimizer("outcomes", "list", "--json"))
    assert (listed["team"], listed["source"], listed["outcomes"], listed["state"]) == (
        "acme",
        "import",
        2,
        "trained on",
    )
    models = json.loads(optimizer("outcomes", "show", str(found.pk), "--json"))["models"]
    assert [(row["model"], row["quality"], row["mean cost USD"]) for row in models] == [
        ("gpt", "1.000", "0.001"),
        ("other", "0.500", None),
    ]
    assert "was deleted" in optimizer("outcomes", "delete", str(found.pk))
    assert "outcomes import FILE" in optimizer("outcomes", "list")


def test_dry_run_imports_nothing(optimizer: Run, file: Path) -> None:
    assert "2 rows, 2 good, 0 bad" in optimizer("outcomes", "import", str(file), "--dry-run")
    assert EvaluationSet.objects.count() == 0


def test_bad_row_fails_the_command_and_is_shown_by_its_line(optimizer: Run, file: Path) -> None:
    file.write_text(GOOD + "Why?,gpt,nan,0\n")
    for flag in ([], ["--dry-run"]):
        with pytest.raises(CommandError, match="1 of 3 rows are not valid"):
            optimizer("outcomes", "import", str(file), *flag)
    assert "line 4: quality is 'nan'" in optimizer("outcomes", "import", str(file), "--skip-bad")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("import", "/no/such/file"), "No such file"),
        (("import", "/"), "is a folder"),
        (("import", "/dev/null"), "is empty"),
        (("import", "/dev/null", "--team", "nobody"), "There is no team 'nobody'"),
        (("show", "7"), r"There is no set 7\. List them with"),
        (("delete", "7"), "There is no set 7"),
    ],
)
def test_what_is_not_there_is_named_with_the_cure(optimizer: Run, arguments: tuple[str, ...], why: str) -> None:
    with pytest.raises(CommandError, match=why):
        optimizer("outcomes", *arguments)
