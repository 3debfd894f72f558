from collections.abc import Callable

import pytest

SUBCOMMANDS = [
    ("start",),
    ("setup",),
    ("doctor",),
    ("status",),
    ("chat",),
    ("decide",),
    ("feedback",),
    ("feedback", "rate"),
    ("feedback", "summary"),
    ("team",),
    ("team", "create"),
    ("team", "list"),
    ("key",),
    ("key", "create"),
    ("key", "list"),
    ("key", "revoke"),
    ("budget",),
    ("budget", "set"),
    ("budget", "list"),
    ("prices",),
    ("prices", "refresh"),
    ("prices", "show"),
    ("catalog",),
    ("catalog", "sync"),
    ("reconcile",),
    ("outcomes",),
    ("outcomes", "import"),
    ("outcomes", "list"),
    ("outcomes", "show"),
    ("outcomes", "delete"),
    ("calibrate",),
    ("calibrate", "plan"),
    ("calibrate", "start"),
    ("calibrate", "resume"),
    ("calibrate", "status"),
    ("calibrate", "cancel"),
    ("retrain",),
    ("rollback",),
    ("trends",),
    ("alerts",),
    ("alerts", "list"),
    ("alerts", "ack"),
    ("alerts", "test"),
    ("alerts", "evaluate"),
    ("validate",),
]


@pytest.mark.parametrize("words", SUBCOMMANDS, ids=" ".join)
def test_subcommand_explains_itself(
    optimizer: Callable[..., str], capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    with pytest.raises(SystemExit) as ended:
        optimizer(*words, "--help")
    assert ended.value.code == 0
    usage, _, explained = capsys.readouterr().out.partition("\n\n")
    assert f"optimizer {' '.join(words)} [-h]" in usage
    assert "options:" in explained


def test_overview_names_every_subcommand(optimizer: Callable[..., str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        optimizer("--help")
    shown = capsys.readouterr().out
    missing = [words[0] for words in SUBCOMMANDS if f"\n    {words[0]} " not in shown]
    assert missing == []
