"""The official client raises the right class for each of our refusals, and its retries get past the passing ones."""

import time
from typing import Any

import openai
import pytest

from routing.models import LedgerEntry
from tests.clients.conftest import Connect
from tests.flow.client import World


def messages(text: str) -> Any:
    return [{"role": "user", "content": text}]


HELLO = messages("Hello")


def test_wrong_key_is_an_authentication_error(connect: Connect) -> None:
    client = connect()

    with pytest.raises(openai.AuthenticationError) as caught:
        client.with_options(api_key="aco_00000000_wrong").chat.completions.create(model="auto", messages=HELLO)

    assert (caught.value.status_code, caught.value.code) == (401, "invalid_api_key")
    assert caught.value.response.headers["www-authenticate"] == "Bearer"


def test_unknown_model_is_not_found(connect: Connect) -> None:
    client = connect()

    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="no-such-model", messages=HELLO)

    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")
    assert "GET /v1/models" in caught.value.message


def test_value_out_of_range_is_unprocessable_and_names_its_field(world: World, connect: Connect) -> None:
    model = world.model()
    client = connect()

    with pytest.raises(openai.UnprocessableEntityError) as caught:
        client.chat.completions.create(model=model, messages=HELLO, max_tokens=-1)

    assert (caught.value.code, caught.value.param) == ("invalid_request", "max_tokens")


def test_unpriced_model_is_refused_before_anybody_is_asked(world: World, connect: Connect) -> None:
    model = world.unpriced_model()
    client = connect()

    with pytest.raises(openai.UnprocessableEntityError) as caught:
        client.chat.completions.create(model=str(model), messages=HELLO)

    assert (caught.value.code, caught.value.param) == ("model_unpriced", "model")
    assert world.exchanges() == []


def test_unknown_strategy_is_unprocessable(connect: Connect) -> None:
    client = connect()

    with pytest.raises(openai.UnprocessableEntityError) as caught:
        client.chat.completions.create(model="auto:astrology", messages=HELLO)

    assert caught.value.code == "unknown_strategy"


def test_spent_budget_is_payment_required(world: World, connect: Connect) -> None:
    model = world.model()
    client = connect(limit_nano_usd=1)

    with pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(model=model, messages=HELLO)

    assert (caught.value.status_code, caught.value.code, caught.value.type) == (
        402,
        "budget_exceeded",
        "insufficient_quota",
    )


def test_rate_limit_says_when_to_come_back(world: World, connect: Connect) -> None:
    model = world.model()
    client = connect(requests_per_minute=1)

    with pytest.raises(openai.RateLimitError) as caught:
        ask_three_times(client, model)

    assert 1 <= int(caught.value.response.headers["retry-after"]) <= 60
    assert caught.value.code == "rate_limit_exceeded"


def ask_three_times(client: openai.OpenAI, model: str) -> None:
    """Ask so often that a limit of one a minute is passed even if a minute ends meanwhile."""
    for _ in range(3):
        client.chat.completions.create(model=model, messages=HELLO)


@pytest.mark.parametrize("status", [429, 503])
def test_the_clients_own_retry_waits_as_told_and_succeeds(world: World, connect: Connect, status: int) -> None:
    # Longer than the gateway waits for a provider itself, so that the refusal is handed on.
    model = world.model(f"{status}_retry_after:3_then_ok")
    client = connect()

    started = time.monotonic()
    answer = client.with_options(max_retries=1).chat.completions.create(
        model=model, messages=messages(f"Retry me after {status}")
    )

    assert answer.choices[0].finish_reason == "stop"
    assert 3 <= time.monotonic() - started < 6
    assert list(LedgerEntry.objects.order_by("created_at").values_list("http_status", flat=True)) == [status, 200]


@pytest.mark.parametrize(
    ("fault", "kind"), [("429_retry_after:3", openai.RateLimitError), ("500", openai.InternalServerError)]
)
def test_failing_provider_is_an_error_with_a_time_to_come_back(
    world: World, connect: Connect, fault: str, kind: type[openai.APIStatusError]
) -> None:
    model = world.model(fault)
    client = connect()

    with pytest.raises(kind) as caught:
        client.chat.completions.create(model=model, messages=HELLO)

    assert int(caught.value.response.headers["retry-after"]) >= 1


def test_broken_stream_raises_instead_of_looking_complete(world: World, connect: Connect) -> None:
    model = world.model("cut_mid")
    client = connect()

    with (
        client.chat.completions.create(model=model, messages=HELLO, stream=True) as stream,
        pytest.raises(openai.APIError, match="broke off"),
    ):
        list(stream)


def test_client_that_gives_up_waiting_still_leaves_a_settled_row(world: World, connect: Connect) -> None:
    model = world.model("slow_ok_800")
    client = connect()

    with pytest.raises(openai.APITimeoutError):
        client.with_options(timeout=0.3).chat.completions.create(model=model, messages=HELLO)

    [exchange] = world.exchanges()
    assert exchange.is_complete
    assert settled_state() == ("settled", True)


async def test_async_client_raises_the_same(world: World) -> None:
    caller = world.caller()

    async with openai.AsyncOpenAI(base_url=f"{caller.gateway.url}/v1", api_key=caller.secret) as client:
        with pytest.raises(openai.NotFoundError):
            await client.chat.completions.create(model="no-such-model", messages=HELLO)


def settled_state() -> tuple[str, bool]:
    """Return state and hang-up of the only row once it is closed."""
    deadline = time.monotonic() + 5
    while LedgerEntry.objects.filter(state="pending").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    return LedgerEntry.objects.values_list("state", "client_disconnected").get()
