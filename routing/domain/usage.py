"""Token counts of one exchange with a provider."""

import msgspec


class Usage(msgspec.Struct, frozen=True):
    """Tokens billed for one attempt.

    ``input_tokens`` is everything sent, with ``cached_input_tokens`` and ``cache_write_tokens`` as parts of it;
    ``output_tokens`` is everything generated, with ``reasoning_tokens`` as a part of it. All are >= 0.
    ``estimated`` is true where we counted and the provider did not; ``flags`` name what was repaired.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False
    flags: tuple[str, ...] = ()
