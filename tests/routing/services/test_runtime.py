"""How a gateway process begins."""

import asyncio

import pytest

from routing.services.pending_writes import StoreUnavailable
from routing.services.runtime import Runtime

pytestmark = pytest.mark.django_db(transaction=True)


def test_start_is_given_longer_than_a_request(settings):
    # On a busy machine the first connection takes longer than a request may wait; that must not end the start.
    settings.GATEWAY_STORE_SECONDS = 0

    async def start_and_read() -> bool:
        runtime = await Runtime.start()
        was_accepting = runtime.is_accepting
        try:
            with pytest.raises(StoreUnavailable):
                await runtime.read(lambda: None)
        finally:
            await runtime.close()
        return was_accepting

    assert asyncio.run(start_and_read())
