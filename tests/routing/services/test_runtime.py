"""How a gateway process begins, and what it does now and then."""

import asyncio
import threading

import pytest

from accounts.services import config_version
from routing.services import snapshot
from routing.services.pending_writes import StoreUnavailable
from routing.services.prompt_collector import PromptCollector
from routing.services.runtime import NOTES_FLUSH_SECONDS, Runtime
from tests.flow.client import until

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


def test_notes_that_take_long_to_write_do_not_put_off_new_configuration(settings, monkeypatch):
    settings.GATEWAY_STORE_SECONDS = 30
    goes_on, is_writing = threading.Event(), threading.Event()

    def take_long() -> int:
        is_writing.set()
        goes_on.wait(30)
        return 0

    monkeypatch.setattr(PromptCollector, "__len__", lambda _self: 1)
    monkeypatch.setattr(PromptCollector, "flush", lambda _self: take_long())

    async def change_while_writing() -> bool:
        runtime = await Runtime.start()
        try:
            assert await asyncio.to_thread(is_writing.wait, 10 * NOTES_FLUSH_SECONDS)
            before = snapshot.held().version
            await asyncio.to_thread(config_version.bump)
            await until(lambda: snapshot.held().version != before, seconds=10)
            return not goes_on.is_set()
        finally:
            goes_on.set()
            await runtime.close()

    assert asyncio.run(change_while_writing())
