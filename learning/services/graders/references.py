"""Reference answers from a file: columns ``reference`` and ``request_id`` or ``prompt``."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from learning.services.table_files import InvalidFile, Record, Source, Table

MAX_REFERENCES = 200_000
MAX_REFERENCE_CHARACTERS = 20_000


@dataclass(frozen=True, slots=True)
class References:
    """Reference answers by request id and by a digest of the prompt's text."""

    by_request: Mapping[str, str] = field(default_factory=dict)
    by_prompt: Mapping[bytes, str] = field(default_factory=dict)

    def get(self, request_id: str, prompt: str) -> str | None:
        """Return the reference of a request, or else of its prompt."""
        return self.by_request.get(request_id) or self.by_prompt.get(_digest(prompt))

    def __len__(self) -> int:
        return len(self.by_request) + len(self.by_prompt)


def load(source: Source) -> References:
    """Read a file of reference answers, CSV or JSON lines; raises InvalidFile naming the first bad line."""
    by_request: dict[str, str] = {}
    by_prompt: dict[bytes, str] = {}
    table = Table(source)
    for record in table.records():
        request_id, prompt, reference = _row(source, record, table.columns)
        if request_id:
            by_request[request_id] = reference
        else:
            by_prompt[_digest(prompt)] = reference
        if len(by_request) + len(by_prompt) > MAX_REFERENCES:
            raise InvalidFile(f"{source.name} holds more than {MAX_REFERENCES} references: give those of the sample.")
    return References(by_request, by_prompt)


def _row(source: Source, record: Record, columns: tuple[str, ...]) -> tuple[str, str, str]:
    if "reference" not in columns or not {"request_id", "prompt"} & set(columns):
        raise InvalidFile(
            f"{source.name}: expected the columns reference and request_id or prompt; found "
            f"{', '.join(columns)[:300]!r}."
        )
    texts = [record.values.get(name) or "" for name in ("request_id", "prompt", "reference")]
    problem = record.problem or _problem(texts)
    if problem:
        raise InvalidFile(f"{source.name}, line {record.line}: {problem}")
    request_id, prompt, reference = texts
    return request_id.strip().lower(), prompt, reference


def _problem(texts: list[object]) -> str:
    request_id, prompt, reference = texts
    if not all(isinstance(text, str) for text in texts):
        return "request_id, prompt and reference must be texts."
    if not (request_id or prompt) or not reference:
        return "a reference needs its answer and a request_id or a prompt."
    if len(str(reference)) > MAX_REFERENCE_CHARACTERS:
        return f"the reference is longer than {MAX_REFERENCE_CHARACTERS} characters."
    return ""


def _digest(prompt: str) -> bytes:
    return hashlib.blake2b(prompt.strip().encode("utf-8", "surrogatepass"), digest_size=16).digest()
