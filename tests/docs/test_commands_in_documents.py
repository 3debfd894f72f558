"""Every command that a document or a message tells people to run is one that can be run."""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import click
import pytest
from celery.bin import beat, celery, worker
from django.conf import settings
from django.core.management import get_commands, load_command_class
from django.urls import resolve
from uvicorn.main import main as uvicorn

from optimizer_project.cli import registry
from optimizer_project.management.commands.optimizer import Command
from routing.gateway import app as gateway_app
from tests.docs import shell_blocks

ROOT = Path(settings.BASE_DIR)
DOCUMENTS = sorted(path.relative_to(ROOT) for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
MAKE_TARGET = re.compile(r"^([a-z][a-z-]*):", re.MULTILINE)
INLINE_MAKE = re.compile(r"`make ([a-z][a-z-]*)")
COMMAND_ROW = re.compile(r"^\| `([a-z]+)` \| ?([^|]*) \|", re.MULTILINE)
# What a message says after `manage.py optimizer`: words, options, and places to fill in.
IN_MESSAGES = re.compile(r"manage\.py optimizer ((?:(?:[a-z]+|--[a-z-]+|[A-Z_]+|\{[^}]*\}) ?)+)")
# Programs of others, which nothing here can ask whether they would take the words.
OF_OTHERS = {"docker", "echo", "export", "cp", "git", "kubectl", "pip", "websocat"}
ADDRESS = re.compile(r"(?:https?://)?[\w.-]+(?::\d+)?/")
OUR_HOSTS = {"127.0.0.1:8000", "localhost:8000", "your-host", "optimizer.example.com"}
ROOT_PARSER = Command().create_parser("manage.py", "optimizer")


def text_of(document: Path) -> str:
    return (ROOT / document).read_text()


def all_commands() -> list[list[str]]:
    return [command for document in DOCUMENTS for command in shell_blocks.commands(text_of(document))]


def of_manage() -> list[list[str]]:
    """Return what comes after manage.py in every block of every document."""
    calls = [words for words in all_commands() if "manage.py" in words[:2]]
    return [words[words.index("manage.py") + 1 :] for words in calls]


def below(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    found = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return dict(found[0].choices) if found else {}


def unknown(words: list[str]) -> str:
    """Return the first command, action or option of the words that does not exist; empty where all do."""
    parser: argparse.ArgumentParser = ROOT_PARSER
    for word in words:
        if word.startswith("--"):
            if word.partition("=")[0] not in parser._option_string_actions:
                return f"{word} of {parser.prog}"
        elif (actions := below(parser)) and word.isalpha() and word.islower():
            if word not in actions:
                return f"{word} of {parser.prog}"
            parser = actions[word]
    return ""


def names_of(parameter: click.Parameter) -> list[str]:
    return [*parameter.opts, *parameter.secondary_opts]


def messages() -> Iterator[list[str]]:
    """Yield the commands that code and rules name."""
    apps = [ROOT / app for app in ("optimizer_project", "jobs", "accounts", "routing", "feedback", "learning")]
    apps += [ROOT / app for app in ("experiments", "insights", "monitoring", "deploy", "templates")]
    files = [path for app in apps for path in app.rglob("*") if path.suffix in (".py", ".html", ".yml", ".yaml")]
    for path in files:
        for found in IN_MESSAGES.findall(path.read_text()):
            yield found.split()


def test_the_search_finds_commands_of_every_kind() -> None:
    programs = {words[0] for words in all_commands()}

    assert {"make", "curl", ".venv/bin/python", ".venv/bin/celery", "scripts/startup.sh"} <= programs
    assert ["features", "disable", "learned_routing"] in [words[1:4] for words in of_manage()]
    assert ["metrics", "rebuild"] in list(messages())


@pytest.mark.parametrize("words", of_manage(), ids=" ".join)
def test_a_command_in_a_block_is_taken_as_it_stands(words: list[str]) -> None:
    command = load_command_class(get_commands()[words[0]], words[0])

    # Ends the test where it is not.
    command.create_parser("manage.py", words[0]).parse_args(words[1:])


def test_commands_in_sentences_exist_with_their_options() -> None:
    found = [words for document in DOCUMENTS for words in shell_blocks.inline(text_of(document))]

    assert ["metrics", "verify"] in found
    assert {problem for words in found if (problem := unknown(words))} == set()


def test_commands_in_messages_exist_with_their_options() -> None:
    assert {problem for words in messages() if (problem := unknown(words))} == set()


def test_the_page_of_commands_has_exactly_those_that_exist_with_their_actions() -> None:
    described = dict(COMMAND_ROW.findall(text_of(Path("docs/COMMANDS.md"))))
    actions = {name: set(below(parser)) for name, parser in below(ROOT_PARSER).items()}

    assert list(described) == [subcommand.NAME for subcommand in registry.SUBCOMMANDS]
    assert {name: set(re.findall(r"`([a-z]+)`", cell)) for name, cell in described.items()} == actions


def test_every_make_target_named_exists() -> None:
    in_blocks = {words[1] for words in all_commands() if words[0] == "make"}
    in_sentences = {name for document in DOCUMENTS for name in INLINE_MAKE.findall(text_of(document))}

    assert "run" in in_blocks
    assert "check-docs" in in_sentences
    assert (in_blocks | in_sentences) - set(MAKE_TARGET.findall(text_of(Path("Makefile")))) == set()


def test_every_target_is_declared_to_be_no_file() -> None:
    makefile = text_of(Path("Makefile"))
    declared = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[0].split()

    assert sorted(declared) == sorted(set(MAKE_TARGET.findall(makefile)))


def test_every_address_that_is_asked_exists() -> None:
    words = [word for command in all_commands() if command[0] == "curl" for word in command if ADDRESS.match(word)]
    addresses = [urlsplit(word if "://" in word else f"//{word}") for word in words]
    paths = {address.path for address in addresses if address.netloc in OUR_HOSTS}

    assert "/v1/chat/completions" in paths
    # An address may end with a slash or not.
    assert [resolve(path.rstrip("/") or "/") for path in paths - set(gateway_app.PATHS)]


def test_the_servers_take_the_options_they_are_started_with() -> None:
    known = {
        ".venv/bin/uvicorn": [uvicorn],
        ".venv/bin/celery": [celery.celery, worker.worker, beat.beat],
    }
    for program, commands in known.items():
        options = {option for command in commands for parameter in command.params for option in names_of(parameter)}
        used = [word.partition("=")[0] for words in all_commands() if words[0] == program for word in words]
        assert [word for word in used if word.startswith("--") and word not in options] == []
        assert program in used


def test_every_script_can_be_run_and_every_file_named_is_there() -> None:
    words = {word for command in all_commands() for word in command if re.match(r"(scripts|deploy|tests)/", word)}

    assert "scripts/backup.sh" in words
    assert [word for word in words if not (ROOT / word).exists()] == []
    assert [word for word in words if word.endswith(".sh") and not (ROOT / word).stat().st_mode & 0o100] == []


def test_no_other_programs_are_named() -> None:
    ours = {"make", "curl", "manage.py", ".venv/bin/python", ".venv/bin/uvicorn", ".venv/bin/celery"}
    programs = {words[0] for words in all_commands() if not words[0].startswith("scripts/")}

    assert programs - ours - OF_OTHERS == set()
