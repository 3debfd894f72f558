"""What the guided part of `make fuzz` begins with holds, and so does everything that it has found so far."""

import random

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.guided import campaign, catalog, cutting, structure

STARTED = b"#0\tREAD units: 9\n#2\tINITED cov: 5 ft: 6 corp: 1/9b exec/s: 0 rss: 50Mb\n"
ENDED = STARTED + b"#700\tDONE   cov: 87 ft: 193 corp: 12/538b lim: 4096 exec/s: 392 rss: 163Mb\n"


@pytest.mark.parametrize("name", catalog.NAMES)
def test_every_input_that_a_search_begins_with_is_handled(name: str) -> None:
    target = catalog.load(name)

    assert len([target.check(content) for content in target.seeds.values()]) > 1


@settings(max_examples=20)
@given(data=st.binary(max_size=300))
def test_an_input_is_cut_in_several_ways_and_loses_nothing(data: bytes) -> None:
    ways = cutting.ways(data)

    assert [b"".join(reads) for reads in ways] == [data] * len(ways)
    assert ways == cutting.ways(data)


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32))
def test_a_change_by_structure_touches_nothing_but_the_document(seed: int) -> None:
    body = orjson.dumps({"choices": [{"index": 0, "message": {"content": "blue"}}], "usage": {"prompt_tokens": 3}})
    head = b"HTTP/1.1 200 OK\r\n\r\n"

    changed = structure.changed(head + body, 4096, random.Random(seed), (b'"usage"',), lambda data, _most: data)

    assert changed.startswith(head)


def test_figures_of_a_search_are_those_of_its_last_line() -> None:
    found = campaign.read("openai-answers", ENDED.decode(), returned=0, saved=None)

    assert str(found) == "openai-answers: 700 runs, 87 edges, 193 features, 12 inputs kept, no finding"


def test_finding_is_told_with_its_reason_and_how_to_see_it_again(tmp_path) -> None:
    told = STARTED.decode() + "\n === Uncaught Python exception: ===\nAssertionError: forged\nTraceback\n"

    found = campaign.read("rating-tokens", told, returned=77, saved=tmp_path / "crash-1")

    assert str(found).splitlines()[1:] == [
        "rating-tokens: FINDING AssertionError: forged",
        f"Replay it: python -m tests.fuzz --replay rating-tokens {tmp_path / 'crash-1'}",
    ]


def test_input_is_given_again_to_its_target(tmp_path) -> None:
    saved = tmp_path / "crash-1"
    saved.write_bytes(b"no token")

    assert campaign.replay("rating-tokens", saved) == "refused"
