from decimal import Decimal
from typing import Any

import pytest

from routing.domain.usage import Usage
from routing.providers.base import ProviderError, Sent
from routing.services import attempts
from routing.services.attempts import Attempt
from tests.routing.domain import specs

MODEL = specs.model()
FEATURES = specs.features(input_tokens=1_000, max_output_tokens=100)
# 1,000 tokens at 1,000 and 100 at 2,000 nano-dollars.
RESERVED = 1_200_000


def attempt(**changes: Any) -> Attempt:
    model = specs.model(**changes)
    return attempts.start("request-1", model, FEATURES, choices=1, started_at="2026-03-04T12:00:00+00:00")


def error(sent: Sent) -> ProviderError:
    return ProviderError("timeout", "too slow", retryable=False, fallback=True, sent=sent)


def test_reservation_is_the_most_the_exchange_can_cost() -> None:
    assert attempt().reserved_nano_usd == RESERVED


def test_every_answer_asked_for_is_reserved() -> None:
    several = attempts.start("request-1", MODEL, FEATURES, choices=3, started_at="")

    assert several.reserved_nano_usd == 1_000_000 + 3 * 200_000
    assert several.worst_case.output_tokens == 300


def test_success_is_billed_at_what_was_used() -> None:
    one = attempt()

    one.succeed(Usage(input_tokens=900, output_tokens=7), 12)

    assert (one.state, one.cost_nano_usd, one.is_estimated, one.latency_ms) == ("succeeded", 914_000, False, 12)


def test_explicit_zero_usage_costs_nothing() -> None:
    one = attempt()

    one.succeed(Usage(), 1)

    assert (one.cost_nano_usd, one.is_estimated) == (0, False)


@pytest.mark.parametrize(
    "usage",
    [
        Usage(10_000_000, 10_000_000, flags=("usage_clamped",)),
        Usage(900, 101, flags=("usage_clamped",)),
        Usage(0, 7, flags=("usage_clamped",)),
    ],
    ids=["huge", "more than was allowed", "nothing sent"],
)
def test_count_that_cannot_be_is_billed_at_the_reservation(usage: Usage) -> None:
    one = attempt()

    one.succeed(usage, 12)

    assert (one.cost_nano_usd, one.is_estimated) == (RESERVED, True)
    assert one.usage is not None
    assert (one.usage.input_tokens, one.usage.output_tokens, one.usage.flags) == (1_000, 100, ("usage_clamped",))


def test_count_with_a_repaired_part_is_billed_as_counted() -> None:
    one = attempt()

    one.succeed(Usage(900, 7, 900, flags=("usage_clamped",)), 12)

    assert (one.cost_nano_usd, one.is_estimated) == (914_000, False)


# What the provider has not received it cannot bill; anything else may have been billed.
@pytest.mark.parametrize(
    ("sent", "cost", "is_estimated"), [("no", 0, False), ("unknown", RESERVED, True), ("yes", RESERVED, True)]
)
def test_failure_is_billed_unless_the_provider_cannot_have_billed_it(sent: Sent, cost: int, is_estimated: bool) -> None:
    one = attempt()

    one.fail(error(sent), 5)

    assert (one.state, one.code) == ("failed", "timeout")
    assert (one.cost_nano_usd, one.is_estimated) == (cost, is_estimated)


def test_broken_answer_is_billed_at_its_reservation() -> None:
    one = attempt()

    one.break_off("interrupted", 5)

    assert (one.state, one.code, one.cost_nano_usd, one.is_estimated) == ("partial", "interrupted", RESERVED, True)


def test_reservation_is_billed_as_it_was_made_where_rates_are_not_linear() -> None:
    # A fee and a dearer rate for reasoning are in the reservation, though not in a plain count of tokens.
    one = attempt(price=specs.price(request_usd=Decimal("0.01"), reasoning_usd_per_mtok=Decimal(8)))

    one.break_off("interrupted", 5)

    assert one.cost_nano_usd == one.reserved_nano_usd == 10_000_000 + 1_000_000 + 800_000


def test_cost_without_a_price_is_unknown_except_where_nothing_was_sent() -> None:
    answered, broken, unsent = attempt(price=None), attempt(price=None), attempt(price=None)

    answered.succeed(Usage(10, 10), 1)
    broken.break_off("interrupted", 1)
    unsent.fail(error("no"), 1)

    assert [one.cost_nano_usd for one in (answered, broken, unsent)] == [None, None, 0]
    assert answered.reserved_nano_usd == 0


def test_answer_without_usage_is_counted_and_flagged() -> None:
    usage = attempts.counted_usage(FEATURES, "hello world", MODEL)

    assert (usage.input_tokens, usage.output_tokens) == (1_000, 2)
    assert (usage.estimated, usage.flags) == (True, ("usage_missing",))


def test_record_says_everything_that_a_bill_needs() -> None:
    one = attempt()
    one.succeed(Usage(900, 7, 100, 50, 3), 12)

    assert one.as_json() == {
        "attempt_id": "request-1",
        "provider": "openai",
        "model": "plain",
        "state": "succeeded",
        "started_at": "2026-03-04T12:00:00+00:00",
        "latency_ms": 12,
        "input_tokens": 900,
        "output_tokens": 7,
        "cached_input_tokens": 100,
        "cache_write_tokens": 50,
        "reasoning_tokens": 3,
        "reserved_nano_usd": RESERVED,
        "cost_nano_usd": 914_000,
        "price_id": 1,
        "is_estimated": False,
    }
