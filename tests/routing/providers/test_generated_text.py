import tracemalloc

from routing.providers.generated_text import GeneratedText

PADDED = b'data: {"padding":"%s","choices":[{"delta":{"content":"word "}}]}\n\n' % (b"x" * 10_000)


def test_text_of_a_long_stream_is_kept_without_its_events() -> None:
    text = GeneratedText()
    tracemalloc.start()
    try:
        for number in range(1000):
            # A block of its own each time, as reads are; together they are 10 MB.
            text.add(PADDED + b": %d\n\n" % number)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert text.read() == "word " * 1000
    assert peak < 1024 * 1024


def test_everything_a_model_wrote_is_counted() -> None:
    text = GeneratedText()
    text.add(b'data: {"choices":[{"delta":{"reasoning_content":"hm "}},{"delta":{"content":"yes "}}]}\n\n')
    text.add(b'data: {"choices":[{"delta":{"tool_calls":[{"function":{"name":"f","arguments":"{}"}}]}}]}\n\n')
    text.add(b'data: {"choices":[{"delta":null},7]}\n\ndata: not JSON\n\ndata: {"choices":0}\n\n')

    assert text.read() == "hm yes f{}"
