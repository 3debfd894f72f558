"""The load generator and the fake provider, compiled and run against each other."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import processes
from benchmarks.programs import Endpoint, Load, run_load
from benchmarks.targets import Upstream


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[Upstream]:
    upstream = Upstream(tmp_path)
    upstream.start()
    yield upstream
    upstream.stop()


def tally(upstream: Upstream) -> dict[str, int]:
    counts: dict[str, int] = json.loads(processes.post(upstream.port, "/tally")[1])
    return counts


def test_closed_loop_counts_every_answer_the_provider_gave(upstream: Upstream) -> None:
    before = tally(upstream)["requests"]

    result = run_load(upstream.endpoint, Load(connections=8, seconds=0.3, warmup_seconds=0.1))

    assert tally(upstream) == {"requests": before + result.ok, "streams": 0, "abandoned": 0}
    assert result.ok == result.sent == result.answered == result.statuses["200"]
    assert 0 < result.measured < result.ok


def test_open_loop_sends_at_the_rate_and_counts_the_delay_as_latency(upstream: Upstream) -> None:
    upstream.set_delay_ms(50)

    result = run_load(upstream.endpoint, Load(connections=16, seconds=0.5, rate=100, warmup_seconds=0.1))

    assert result.measured + result.unsent == 50
    assert result.p50_ms is not None
    assert 50 <= result.p50_ms < 500


def test_open_loop_says_how_many_requests_it_could_not_send(upstream: Upstream) -> None:
    # One connection and 100 ms an answer allow for 10 requests a second, not 100.
    upstream.set_delay_ms(100)

    result = run_load(upstream.endpoint, Load(connections=1, seconds=0.5, rate=100, warmup_seconds=0))

    assert 1 <= result.sent <= 6
    assert 48 <= result.sent + result.unsent <= 50


def test_stream_is_counted_when_it_ends_with_done(upstream: Upstream) -> None:
    result = run_load(upstream.endpoint, Load(connections=4, seconds=0.2, is_stream=True, warmup_seconds=0))

    assert result.ok == result.sent > 0
    assert tally(upstream)["streams"] == result.ok


def test_answer_with_an_error_status_is_not_counted_as_good(upstream: Upstream) -> None:
    elsewhere = Endpoint(upstream.port, model="fake", path="/elsewhere")

    result = run_load(elsewhere, Load(connections=2, seconds=0.1, warmup_seconds=0))

    assert result.ok == 0
    assert result.per_second == 0
    assert result.statuses == {"404": result.answered}
    assert result.p50_ms is None


def test_stream_of_the_provider_has_twenty_chunks_usage_and_an_end(upstream: Upstream) -> None:
    body = '{"model": "small", "stream": true, "stream_options": {"include_usage": true}}'

    _, answer = processes.post(upstream.port, "/v1/chat/completions", body)

    events = answer.decode().removesuffix("\n\n").split("\n\n")
    chunks = [json.loads(event.removeprefix("data: ")) for event in events[:-1]]
    assert events[-1] == "data: [DONE]"
    assert {chunk["model"] for chunk in chunks} == {"small"}
    # A role chunk, twenty of content, the finish chunk, the usage chunk.
    assert len(chunks) == 23
    assert chunks[-1]["usage"] == {"prompt_tokens": 25, "completion_tokens": 20, "total_tokens": 45}
