"""Asks one model after the other until one answers: bounded retries, then the next in the chain.

Each further attempt is in the ledger, with what it may cost, before it is made. See docs/adr/0004 for what is retried.
"""

import asyncio
import logging
import random
import time
from collections.abc import Iterator
from datetime import date
from typing import Any

from accounts.services import telemetry
from routing.domain.catalog import ModelSpec
from routing.domain.usage import Usage
from routing.providers import registry
from routing.providers.base import ChatAnswer, ChatCall, ChatStream, ProviderConfig, ProviderError
from routing.providers.usage_reading import CLAMPED
from routing.services import attempts, breakers, database_clock, ledger, ledger_rows
from routing.services.attempts import Attempt
from routing.services.decisions import Plan
from routing.services.ledger_sql import Row
from routing.services.runtime import Runtime
from routing.services.snapshot import Snapshot

logger = logging.getLogger(__name__)

RETRIES_PER_MODEL = 1
BACKOFF_SECONDS = 0.2
MAX_WAIT_SECONDS = 2.0
# What a provider refuses for the request's own sake says nothing about its health.
_HEALTHY_CODES = frozenset({"bad_request", "context_length"})


class AllAttemptsFailed(Exception):
    """No model gave an answer; ``last`` is the error that ended it, ``retry_after`` are seconds to wait, if known."""

    def __init__(self, last: ProviderError, made: int) -> None:
        super().__init__(f"No provider answered after {made} attempts; the last said: {last.message}")
        self.last = last
        self.retry_after = last.retry_after
        if last.code in _HEALTHY_CODES:
            self.http_status = 400
        elif last.code == "rate_limited":
            self.http_status = 429
        else:
            self.http_status = 503


class AttemptLoop:
    """The attempts of one request; ``made`` lists them in order, the last one being ``current``."""

    def __init__(
        self,
        runtime: Runtime,
        snapshot: Snapshot,
        plan: Plan,
        *,
        body: dict[str, Any],
        is_stream: bool,
        budget_ids: tuple[int, ...],
        first: Attempt,
        opened: Row,
        today: date,
    ) -> None:
        self.plan = plan
        self.opened = opened
        self.made = [first]
        self._runtime = runtime
        self._snapshot = snapshot
        self._body = body
        self._is_stream = is_stream
        self._budget_ids = budget_ids
        self._today = today
        self._reserved_nano_usd = first.reserved_nano_usd
        self._started = time.monotonic()
        self._upstream_seconds = 0.0
        self._streaming_since: float | None = None

    @property
    def upstream_seconds(self) -> float:
        """Seconds spent waiting for providers so far."""
        streaming = 0.0 if self._streaming_since is None else time.monotonic() - self._streaming_since
        return self._upstream_seconds + streaming

    @property
    def current(self) -> Attempt:
        return self.made[-1]

    def _models(self) -> Iterator[ModelSpec]:
        """Yield the chosen model, and those after it once it has failed."""
        yield self.plan.decision.chosen.model
        yield from self.plan.chain[1:]

    async def run(self) -> ChatAnswer | ChatStream:
        """Return the first answer, or the first stream that has begun.

        Raises:
            AllAttemptsFailed: None did.
        """
        error: ProviderError | None = None
        for position, model in enumerate(self._models()):
            if position > 0 and not breakers.is_available(model):
                continue
            for retry in range(1 + RETRIES_PER_MODEL):
                if error is not None and not await self._extend(model):
                    raise AllAttemptsFailed(error, len(self.made))
                try:
                    return await self._exchange(model)
                except ProviderError as caught:
                    error = caught
                if retry == RETRIES_PER_MODEL or not await self._wait_for_retry(error, retry, model):
                    break
            if error is not None and not error.fallback:
                break
        assert error is not None
        raise AllAttemptsFailed(error, len(self.made))

    @property
    def held(self) -> tuple[int, tuple[int, ...]]:
        """What the row holds: nano-dollars reserved, and the budget periods they are reserved in."""
        return self._reserved_nano_usd, tuple(self.opened["budget_period_ids"])

    def begin_stream(self) -> None:
        """Count the time from now on as the provider's: its answer is being passed on as it comes."""
        self._streaming_since = time.monotonic()

    def succeed(self, usage: Usage) -> None:
        """Close the current attempt with what it used; its breaker learns that the model answers."""
        model = self.current.model
        breakers.of(model).record_success()
        if CLAMPED in usage.flags:
            telemetry.count("provider_usage_clamped_total", provider=model.provider, model=model.name)
        self.current.succeed(usage, self._elapsed_ms())

    def break_off(self, code: str) -> None:
        """Close the current attempt, whose outcome is not known, at its reservation."""
        if self.current.state != "pending":
            return
        breaker = breakers.of(self.current.model)
        if code in ("aborted", "client_disconnected"):
            breaker.release()
        else:
            breaker.record_failure(time.monotonic())
            _count_error(self.current.model, code)
        self.current.break_off(code, self._elapsed_ms())

    async def _exchange(self, model: ModelSpec) -> ChatAnswer | ChatStream:
        self._started = time.monotonic()
        breaker = breakers.of(model)
        config = self._snapshot.providers.get(model.provider)
        try:
            if config is None:
                raise _not_asked("connect", f"Provider '{model.provider}' is no longer configured.")
            if not breaker.try_acquire(self._started):
                raise _not_asked("breaker_open", f"Model '{model.full_name}' has failed repeatedly and is paused.")
            return await self._call(config, model)
        except ProviderError as error:
            self.current.fail(error, self._elapsed_ms())
            if error.code in _HEALTHY_CODES:
                breaker.record_success()
            elif error.code != "breaker_open":
                breaker.record_failure(time.monotonic())
            raise
        finally:
            self._upstream_seconds += time.monotonic() - self._started

    async def _call(self, config: ProviderConfig, model: ModelSpec) -> ChatAnswer | ChatStream:
        provider = registry.ADAPTERS[config.kind]
        call = ChatCall(attempt_id=self.current.attempt_id, upstream_model=model.upstream_name, body=self._body)
        try:
            if self._is_stream:
                return await provider.stream(self._runtime.http_client, config, call)
            return await provider.complete(self._runtime.http_client, config, call)
        except ProviderError as error:
            _count_error(model, error.code)
            raise
        finally:
            seconds = time.monotonic() - self._started
            telemetry.observe("provider_request_duration_seconds", seconds, provider=model.provider, model=model.name)

    async def _extend(self, model: ModelSpec) -> bool:
        """Write the next attempt down and reserve for it; False when it may not be made."""
        number = len(self.made) + 1
        attempt = attempts.start(
            f"{self.opened['request_id']}-{number}",
            model,
            self.plan.features,
            choices=self.plan.choices,
            started_at=database_clock.now().isoformat(),
        )
        spent = sum(done.cost_nano_usd or 0 for done in self.made)
        extra = max(0, spent + attempt.reserved_nano_usd - self._reserved_nano_usd)
        row = ledger_rows.extension_row(self.opened, [*self.made, attempt], self._reserved_nano_usd + extra)
        outcome = await self._runtime.commit(ledger.ExtendEntry(row, self._budget_ids, self._today, extra))
        if not isinstance(outcome, ledger.Opened):
            return False
        self._reserved_nano_usd += extra
        self.made.append(attempt)
        return True

    async def _wait_for_retry(self, error: ProviderError, retry: int, model: ModelSpec) -> bool:
        """Wait before asking the same model again; False when that is not worth it."""
        if not error.retryable or not breakers.is_available(model):
            return False
        # Full jitter (Brooker, "Exponential Backoff And Jitter", 2015).
        wait = random.uniform(0, BACKOFF_SECONDS * 2**retry)  # noqa: S311
        if error.retry_after is not None:
            wait = max(wait, error.retry_after)
        if wait > MAX_WAIT_SECONDS:
            return False
        await asyncio.sleep(wait)
        return True

    def _elapsed_ms(self) -> int:
        return round((time.monotonic() - self._started) * 1000)


def _count_error(model: ModelSpec, code: str) -> None:
    telemetry.count("provider_errors_total", provider=model.provider, model=model.name, code=code)


def _not_asked(code: str, message: str) -> ProviderError:
    return ProviderError(code, message, retryable=False, fallback=True, sent="no")
