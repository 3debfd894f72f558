"""However the network cuts the bytes, the same events come out."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.domain.usage import Usage
from routing.providers import event_source, sse
from routing.providers.base import ProviderError, StreamEnd
from routing.providers.errors import TooLarge
from routing.providers.openai_stream import OpenAIStream
from routing.providers.sse import EventAssembler
from tests.routing.providers.streams import CONFIG, content_of, passed_on, source_of


def _chunk(content: str, finish_reason: str = "null") -> str:
    delta = f'{{"index":0,"delta":{{"content":"{content}"}},"finish_reason":{finish_reason}}}'
    return f'{{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{delta}]}}'


LAST = _chunk("", '"stop"')
# What a provider may write: plain events, comments, names and ids, data over two lines, no space after the colon, text
# that looks like a finish reason, characters of several bytes, empty choices, usage, and an end said twice.
STREAM = "\n\n".join(
    [
        ": connected",
        "data: " + _chunk("Hé"),
        "data: " + _chunk('llo \\"finish_reason\\":\\"stop\\" '),
        ": keep-alive\nevent: message\nid: 7\ndata: " + _chunk("wörld"),
        "data:" + _chunk("!"),
        'data: {"id":"c1","created":1,"model":"m",\ndata: "choices":[]}',
        "\ndata: " + _chunk(" 你好"),
        "data: " + LAST,
        ": still there",
        'data: {"id":"c1","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}',
        "data: [DONE]",
        "data: [DONE]",
        "",
    ]
)
TEXT = 'Héllo "finish_reason":"stop" wörld! 你好'
NEWLINES = {"LF": "\n", "CRLF": "\r\n", "CR": "\r"}


def _cut(raw: bytes, positions: list[int]) -> list[bytes]:
    edges = [0, *sorted(position % (len(raw) + 1) for position in positions), len(raw)]
    return [raw[start:stop] for start, stop in pairwise(edges)]


async def _outcome(reads: list[bytes]) -> tuple[bytes, StreamEnd | None]:
    stream = OpenAIStream(source_of(*reads), CONFIG)
    await stream.begin()
    return await passed_on(stream), stream.end


@settings(deadline=None)
@given(positions=st.lists(st.integers(0, 10_000), max_size=60), newline=st.sampled_from(sorted(NEWLINES)))
async def test_any_split_gives_the_same_result(positions: list[int], newline: str) -> None:
    whole, _ = await _outcome([STREAM.encode()])
    raw = STREAM.replace("\n", NEWLINES[newline]).encode()
    events, end = await _outcome(_cut(raw, positions))

    assert events == whole
    assert content_of(events) == TEXT
    assert end is not None
    assert (end.usage, end.finish_reason) == (Usage(3, 4), "stop")


@pytest.mark.parametrize("newline", sorted(NEWLINES))
async def test_one_byte_at_a_time_gives_the_same_result(newline: str) -> None:
    raw = STREAM.replace("\n", NEWLINES[newline]).encode()

    assert await _outcome([raw[i : i + 1] for i in range(len(raw))]) == await _outcome([STREAM.encode()])


@pytest.mark.parametrize("cut", range(1, 40))
async def test_stream_cut_before_its_finish_reason_is_an_error(cut: int) -> None:
    raw = STREAM.encode()
    raw = raw[: raw.index(b'"stop"}]') - cut]
    stream = OpenAIStream(source_of(raw[:400], raw[400:]), CONFIG)
    await stream.begin()
    with pytest.raises(ProviderError, match="interrupted"):
        await passed_on(stream)
    assert stream.end is None


async def test_end_without_blank_line_or_done_is_complete() -> None:
    raw = f"data: {_chunk('four')}\n\ndata: {LAST}"
    events, end = await _outcome([raw.encode()])

    assert content_of(events) == "four"
    assert end is not None
    assert (end.finish_reason, end.usage, end.text) == ("stop", None, "four")


async def test_usage_that_counts_on_with_every_chunk_is_taken_from_the_last() -> None:
    raw = "".join(
        f'data: {{"choices":[{{"index":0,"delta":{{"content":"{n}"}},"finish_reason":{reason}}}],'
        f'"usage":{{"prompt_tokens":3,"completion_tokens":{n}}}}}\n\n'
        for n, reason in ((1, "null"), (2, "null"), (3, '"stop"'))
    )
    events, end = await _outcome([raw.encode()])

    assert content_of(events) == "12"
    assert b"usage" not in events
    assert end is not None
    assert end.usage == Usage(3, 3)
    assert end.final_chunk["choices"][0]["delta"] == {"content": "3"}


async def test_done_without_finish_reason_still_has_a_final_chunk() -> None:
    _, end = await _outcome([f"data: {_chunk('four')}\n\ndata: [DONE]\n\n".encode()])

    assert end is not None
    assert end.final_chunk == {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": []}
    assert end.finish_reason is None


@pytest.mark.parametrize(
    "raw", [b"", b": only comments\n\n", b"data: [DONE]\n\n", b'data: {"ping":1}\n\n', b"data: 1\n\n", b"data: []\n\n"]
)
async def test_stream_without_a_first_chunk_is_no_answer(raw: bytes) -> None:
    with pytest.raises(ProviderError) as raised:
        await OpenAIStream(source_of(raw), CONFIG).begin()

    assert raised.value.fallback
    assert raised.value.code in ("malformed", "interrupted")


async def test_error_as_first_event_keeps_the_status_the_provider_names() -> None:
    raw = b'data: {"error":{"message":"rate limited upstream","code":429}}\n\n'
    with pytest.raises(ProviderError, match="rate limited upstream") as raised:
        await OpenAIStream(source_of(raw), CONFIG).begin()

    assert (raised.value.code, raised.value.retryable, raised.value.status) == ("rate_limited", True, 429)


async def test_long_text_without_usage_is_kept_whole_though_raw_events_are_not() -> None:
    # 2000 events of 150 bytes pass the 64 kB of raw events several times.
    raw = "".join(f"data: {_chunk('word ')}\n\n" for _ in range(2000)) + f"data: {LAST}\n\n"
    _, end = await _outcome(_cut(raw.encode(), list(range(0, len(raw), 5000))))

    assert end is not None
    assert end.text == "word " * 2000


def test_one_endless_event_is_refused_at_one_megabyte() -> None:
    assembler = EventAssembler()
    assembler.feed(b"data: " + b"x" * (sse.MAX_EVENT_BYTES - 6))
    with pytest.raises(TooLarge):
        assembler.feed(b"x")


async def test_endless_stream_is_refused_at_32_megabytes() -> None:
    event = f"data: {_chunk('x' * 500_000)}\n\n".encode()
    stream = OpenAIStream(source_of(*[event] * (event_source.MAX_BODY_BYTES // len(event) + 1)), CONFIG)
    await stream.begin()
    with pytest.raises(ProviderError, match="too_large"):
        await passed_on(stream)


async def test_failure_of_the_connection_closes_it() -> None:
    source = source_of(f"data: {_chunk('four')}\n\n".encode(), b"")
    stream = OpenAIStream(source, CONFIG)
    await stream.begin()
    with pytest.raises(ProviderError):
        await passed_on(stream)

    assert source._response.is_closed  # type: ignore[attr-defined]


async def test_chunk_nested_too_deeply_to_be_written_is_no_answer() -> None:
    deep = "[" * 300 + "]" * 300
    raw = f'data: {{"choices":[{{"delta":{{"x":{deep}}},"finish_reason":null}}],"usage":{{}}}}\n\n'
    with pytest.raises(ProviderError, match="nested too deeply"):
        await OpenAIStream(source_of(raw.encode()), CONFIG).begin()
