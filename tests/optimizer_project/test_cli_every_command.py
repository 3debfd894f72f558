"""Every command of `manage.py optimizer` explains itself whole, succeeds, and fails as a person can bear it."""

import argparse
import logging
from collections.abc import Iterator
from importlib import import_module

import pytest

from optimizer_project.cli import registry
from optimizer_project.management.commands.optimizer import Command
from tests.optimizer_project.command_cases import BODIES, FAILURES, SUCCESSES, Call, Proof
from tests.optimizer_project.fake_api import FakeServer
from tests.services import free_port

pytestmark = pytest.mark.django_db
NAMES = [subcommand.NAME for subcommand in registry.SUBCOMMANDS]
CALLS = [name for name in NAMES if isinstance(SUCCESSES.get(name), Call)]
PROOFS = [name for name in NAMES if isinstance(SUCCESSES.get(name), Proof)]


def parsers(parser: argparse.ArgumentParser, *words: str) -> Iterator[tuple[tuple[str, ...], argparse.ArgumentParser]]:
    """Yield a parser and, by the words that lead there, all below it."""
    yield words, parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                yield from parsers(below, *words, name)


PARSERS = dict(parsers(Command().create_parser("manage.py", "optimizer")))
BELOW = [words for words in PARSERS if words]


@pytest.fixture(autouse=True)
def log_lines_again() -> Iterator[None]:
    """A command silences routine log lines for as long as its process lives, which here goes on."""
    yield
    logging.disable(logging.NOTSET)


def call(name: str, case: Call, server: FakeServer) -> None:
    """Call a command as the shell does, in this process."""
    server.answers, server.statuses = BODIES, {"/health/liveliness": 404}
    case.before()
    places = {"port": server.server_port, "url": f"http://127.0.0.1:{server.server_port}"}
    places |= {"dead": "http://127.0.0.1:9", "free": free_port()}
    words = [word.format(**places) for word in case.words]
    Command().run_from_argv(["manage.py", "optimizer", "--skip-checks", name, *words])


def test_no_command_is_left_out() -> None:
    assert sorted(SUCCESSES) == sorted(NAMES)
    assert sorted(FAILURES) == sorted(NAMES)


@pytest.mark.parametrize("name", CALLS)
def test_it_succeeds(name: str, server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    case = SUCCESSES[name]
    assert isinstance(case, Call)

    call(name, case, server)

    written = capsys.readouterr()
    assert case.told in written.out
    assert "Traceback" not in written.err


@pytest.mark.parametrize("name", PROOFS)
def test_it_is_shown_to_succeed_elsewhere(name: str) -> None:
    proof = SUCCESSES[name]
    assert isinstance(proof, Proof)

    assert callable(getattr(import_module(proof.module), proof.test))


@pytest.mark.parametrize("name", NAMES)
def test_it_fails_with_a_message_that_helps(name: str, server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        call(name, FAILURES[name], server)

    told = capsys.readouterr().err
    assert FAILURES[name].told in told
    assert "Traceback" not in told
    assert ended.value.code in (1, 2)


@pytest.mark.parametrize("words", BELOW, ids=" ".join)
def test_it_explains_itself(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        PARSERS[words].parse_args(["--help"])

    assert ended.value.code == 0
    usage, _, explained = capsys.readouterr().out.partition("\n\n")
    assert f"optimizer {' '.join(words)} [-h]" in usage
    assert "options:" in explained


@pytest.mark.parametrize("words", BELOW, ids=" ".join)
def test_every_option_has_a_word_of_help(words: tuple[str, ...]) -> None:
    actions = [one for one in PARSERS[words]._actions if not isinstance(one, argparse._SubParsersAction)]
    below = [one for one in PARSERS[words]._actions if isinstance(one, argparse._SubParsersAction)]

    assert [one.dest for one in actions if not one.help or one.help == argparse.SUPPRESS] == []
    # What comes after has a line each.
    assert [one.dest for one in below if {choice.dest for choice in one._choices_actions} != set(one.choices)] == []


def test_the_overview_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        PARSERS[()].parse_args(["--help"])

    shown = capsys.readouterr().out
    assert [name for name in NAMES if f"\n    {name} " not in shown] == []
