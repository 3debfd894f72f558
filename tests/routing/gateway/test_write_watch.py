import asyncio
import time

import pytest

from routing.gateway.write_watch import WriteWatch


async def test_write_that_is_not_taken_is_given_up_in_time() -> None:
    watch = WriteWatch(0.1)
    began = time.monotonic()
    await asyncio.sleep(0.05)
    with pytest.raises(TimeoutError):
        await watch.within(asyncio.sleep(5))
    # Counted from the write, not from the making of the watch.
    assert 0.14 < time.monotonic() - began < 1
    watch.close()
    # Nothing of it is left in the task.
    await asyncio.sleep(0)


async def test_many_writes_may_take_longer_than_one_of_them_together() -> None:
    watch = WriteWatch(0.1)
    for _ in range(5):
        await watch.within(asyncio.sleep(0.05))
    await asyncio.sleep(0.15)
    await watch.within(asyncio.sleep(0.05))
    watch.close()


async def test_cancellation_by_somebody_else_is_passed_on() -> None:
    async def write() -> None:
        watch = WriteWatch(5)
        try:
            await watch.within(asyncio.sleep(5))
        finally:
            watch.close()

    writing = asyncio.create_task(write())
    await asyncio.sleep(0.01)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing


async def test_cancellation_at_the_moment_of_expiry_goes_first() -> None:
    async def busy() -> None:
        # Both timers are due when the loop gets to them.
        time.sleep(0.1)  # noqa: ASYNC251
        await asyncio.sleep(5)

    async def write() -> None:
        watch = WriteWatch(0.05)
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().call_later(0.06, task.cancel)
        await watch.within(busy())

    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(write())
