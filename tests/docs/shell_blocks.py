"""The commands in the documents: those in shell blocks, word by word, and those in the middle of a sentence."""

import re
import shlex
from collections.abc import Iterator

_BLOCK = re.compile(r"^```(?:sh|bash)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_ASSIGNMENT = re.compile(r"[A-Z][A-Z0-9_]*=")
_INLINE = re.compile(r"`(?:\.venv/bin/python )?manage\.py optimizer ([^`]+)`")


def commands(document: str) -> list[list[str]]:
    """Return every command of a document's shell blocks as its words, without comments and assignments before it."""
    return [command for block in _BLOCK.findall(document) for command in _commands(block.replace("\\\n", ""))]


def inline(document: str) -> list[list[str]]:
    """Return the words after `manage.py optimizer` of every such command between backticks."""
    return [found.split() for found in _INLINE.findall(document)]


def _commands(block: str) -> Iterator[list[str]]:
    unfinished = ""
    for line in block.splitlines():
        unfinished += line + "\n"
        try:
            words = shlex.split(unfinished, comments=True)
        except ValueError:
            # A quotation goes on in the next line.
            continue
        unfinished = ""
        for part in _parts(words):
            named = [place for place, word in enumerate(part) if not _ASSIGNMENT.match(word)]
            if named:
                yield part[named[0] :]
    assert not unfinished, f"A quotation is never closed: {unfinished}"


def _parts(words: list[str]) -> Iterator[list[str]]:
    """Split what one line says at `&&`, pipes and redirections."""
    part: list[str] = []
    for word in words:
        if word in ("&&", "|", ">", ">>"):
            yield part
            part = []
            if word.startswith(">"):
                return
        else:
            part.append(word)
    yield part
