"""Searches a target for a while, beginning with what former searches found interesting, and says how far it came."""

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.guided import catalog, search
from tests.fuzz.guided.target import Target

KEPT = Path("var/fuzz")
MOST_BYTES = 4096
MOST_MEGABYTES = 1024
# For one input, by the clock, and on a machine that may be busy: processor time is bounded by the search itself.
MOST_SECONDS = 20
# For the seeds, before the time of a search begins to count.
START_SECONDS = 120
_PROGRESS = re.compile(r"^#(\d+)\s.*cov: (\d+) ft: (\d+) corp: (\d+)/", re.MULTILINE)
_REASON = re.compile(r"^\s*=== Uncaught Python exception: ===\s*\n(.+)$|^SUMMARY: (libFuzzer: .+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Found:
    """How a search of one target ended; ``finding`` is the input that broke what holds, with its reason."""

    name: str
    runs: int
    edges: int
    features: int
    corpus: int
    finding: Path | None
    reason: str

    def __str__(self) -> str:
        told = (
            f"{self.name}: {self.runs:,} runs, {self.edges:,} edges, {self.features:,} features, "
            f"{self.corpus:,} inputs kept"
        )
        if not self.reason:
            return f"{told}, no finding"
        again = f"python -m tests.fuzz --replay {self.name} {self.finding}" if self.finding else "no input was saved"
        return f"{told}\n{self.name}: FINDING {self.reason}\nReplay it: {again}"


def run(name: str, target: Target, *, seconds: int, seed: int) -> Found:
    """Search one target; what it said, and an input that is a finding, are kept under ``var/fuzz``."""
    corpus, findings = KEPT / "corpus" / name, KEPT / "findings"
    corpus.mkdir(parents=True, exist_ok=True)
    findings.mkdir(parents=True, exist_ok=True)
    known, log = set(findings.iterdir()), KEPT / f"{name}.log"
    with tempfile.TemporaryDirectory() as folder:
        seeds, words = Path(folder, "seeds"), Path(folder, "words")
        seeds.mkdir()
        for label, content in target.seeds.items():
            (seeds / label.replace(" ", "-")).write_bytes(content)
        words.write_text("".join(f'"{_quoted(word)}"\n' for word in target.words))
        options = {
            "max_total_time": seconds,
            "seed": seed,
            "max_len": MOST_BYTES,
            "len_control": 0,
            "timeout": MOST_SECONDS,
            "rss_limit_mb": MOST_MEGABYTES,
            "dict": words,
        }
        given = [*(f"-{option}={value}" for option, value in options.items()), str(corpus), str(seeds)]
        # Its own options end it; what outlives them hangs where the fuzzer cannot see it.
        most_seconds = seconds + MOST_SECONDS + START_SECONDS
        returned = search.fork(target, given, f"{findings}/{name}-", log, most_seconds=most_seconds)
    saved = next(iter(set(findings.iterdir()) - known), None)
    return read(name, log.read_text(errors="replace"), returned=returned, saved=saved)


def replay(name: str, path: Path) -> str:
    """Give a target one input, and return what became of it; raises what a search would report."""
    return catalog.load(name).check(path.read_bytes())


def read(name: str, told: str, *, returned: int, saved: Path | None) -> Found:
    """Read what libFuzzer has told of a search, and with which number it ended."""
    runs, edges, features, kept = map(int, (_PROGRESS.findall(told) or [(0, 0, 0, 0)])[-1])
    reason = ""
    if returned:
        said = _REASON.search(told)
        reason = (said[1] or said[2]) if said else f"the search ended with {returned}: {told[-2000:]}"
    return Found(name, runs, edges, features, kept, saved, reason)


def _quoted(word: bytes) -> str:
    """Write a word as libFuzzer's dictionaries have it."""
    return "".join(chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\x{byte:02x}" for byte in word)
