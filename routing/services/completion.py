"""The way of a request, from a validated prompt to a settled ledger row. Read this first.

plan (from memory) -> cached answer, or: row and reservation committed -> provider, with retries and failover ->
row settled -> answer. A stream is the same, with the answer passed on while it comes and the row settled before its
last chunk leaves. Whatever happens to the client, the row is closed with what the attempts cost.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

from accounts.selectors import KeyInfo
from accounts.services import encryption
from routing.domain import normalization
from routing.domain.decision import Controls
from routing.domain.usage import Usage
from routing.models import CachedResponse, LedgerEntry
from routing.providers.base import ChatAnswer, ChatStream, ProviderError
from routing.selectors import spending
from routing.services import (
    answer_copies,
    attempts,
    database_clock,
    decisions,
    ledger,
    ledger_rows,
    rendering,
    response_cache,
)
from routing.services.attempt_loop import AllAttemptsFailed, AttemptLoop
from routing.services.decisions import Plan
from routing.services.ledger_rows import Caller, Ending
from routing.services.ledger_sql import Row
from routing.services.rendering import Rendered, Result
from routing.services.runtime import Runtime
from routing.services.snapshot import Snapshot

State = LedgerEntry.State


class BudgetExceeded(Exception):
    """A hard budget of the team or key has not enough left for what this request may cost."""


class IdempotencyMismatch(Exception):
    """The Idempotency-Key was used before with another request."""


class IdempotencyConflict(Exception):
    """The request with this Idempotency-Key is still being worked on, or its outcome is not known."""


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """A validated request. ``body`` is what a provider may see; ``started`` is of the monotonic clock."""

    request_id: str
    key: KeyInfo
    endpoint: Literal["chat", "complete"]
    body: dict[str, Any]
    requested_model: str
    is_stream: bool
    wants_usage_chunk: bool
    controls: Controls
    may_cache: bool
    task: str | None
    session_id: str | None
    user_id: str | None
    idempotency_key: str | None
    body_hash: str
    received_at: datetime
    started: float


@dataclass(frozen=True, slots=True)
class StreamReply:
    """An answer under way: headers now, then blocks of server-sent events to their end.

    ``drains`` says that, when the client hangs up, the blocks should be read to their end all the same.
    """

    headers: dict[str, str]
    blocks: AsyncIterator[bytes]
    drains: bool


class Completion:
    """One request on its way; made for it and thrown away after."""

    def __init__(self, runtime: Runtime, snapshot: Snapshot, request: CompletionRequest) -> None:
        self.is_client_gone = False
        self._runtime = runtime
        self._snapshot = snapshot
        self._request = request
        self._plan = decisions.plan(
            snapshot,
            body=request.body,
            requested_model=request.requested_model,
            controls=request.controls,
            task=request.task,
            team_baseline=request.key.team.baseline_model,
        )
        self._caller = _caller(request, runtime)
        self._cache_key = self._key_of_cache()
        self._claim: ledger.Claim | None = None
        self._row: Row = {}
        self._first_token_ms: int | None = None

    async def answer(self) -> Rendered:
        """Answer in one piece.

        Raises:
            BudgetExceeded, IdempotencyMismatch, IdempotencyConflict: It may not run.
            AllAttemptsFailed: No provider answered; the row says what was tried.
            StoreUnavailable: The ledger could not be written, so that no provider was called.
        """
        if (hit := await self._cached()) is not None:
            return hit
        loop = await self._open()
        if isinstance(loop, Rendered):
            return loop
        reply = cast(ChatAnswer, await self._first_reply(loop))
        loop.succeed(reply.usage or self._counted(loop, rendering.answer_text(reply.body)))
        result = self._result(loop, reply.finish_reason)
        try:
            rendered = await self._render(result, reply.body)
        except BaseException:
            # The provider has answered and bills; that is written down even if its answer cannot be handed on.
            await self._settle(loop, self._ending(State.SETTLED, 503, loop, code="aborted"))
            raise
        kept = self._cache_entry(result, rendering.provider_json(reply.body)) if self._cache_key else None
        ending = self._ending(State.SETTLED, 200, loop, finish_reason=reply.finish_reason)
        await self._settle(loop, ending, answer=rendered, cached=kept)
        return rendered

    async def stream(self) -> StreamReply | Rendered:
        """Begin an answer as a stream; raises what ``answer`` does, before the first byte."""
        if (hit := await self._cached()) is not None:
            return hit
        loop = await self._open()
        if isinstance(loop, Rendered):
            return loop
        reply = cast(ChatStream, await self._first_reply(loop))
        self._first_token_ms = self._elapsed_ms()
        headers = rendering.stream_headers(self._result(loop, None))
        drains = self._snapshot.providers[loop.current.model.provider].drain_on_disconnect
        return StreamReply(headers, self._pass_on(loop, reply, headers), drains)

    async def _cached(self) -> Rendered | None:
        """Answer from the team's cache: free, with a row of its own."""
        request, plan = self._request, self._plan
        if self._cache_key is None or request.idempotency_key is not None:
            return None
        found = await self._runtime.read(response_cache.find, self._cache_key, database_clock.now())
        offers = self._snapshot.resolve(f"{found.provider}/{found.served_model}") if found else ()
        if found is None or not offers:
            return None
        result = Result(
            request_id=request.request_id,
            plan=plan,
            model=offers[0],
            attempts=0,
            usage=found.usage,
            cost_nano_usd=0,
            baseline_cost_nano_usd=ledger_rows.baseline_cost_nano_usd(plan, found.usage),
            latency_ms=self._elapsed_ms(),
            overhead_ms=float(self._elapsed_ms()),
            is_cache_hit=True,
        )
        if request.is_stream:
            blocks, end = response_cache.replayed(found.body)
            last = rendering.last_chunks(result, end, wants_usage_chunk=request.wants_usage_chunk)
            rendered = Rendered(200, rendering.headers(result), blocks + last, rendering.STREAM_TYPE)
        else:
            rendered = await self._render(result, rendering.parsed_json(found.body))
        row = ledger_rows.cache_hit_row(self._caller, plan, offers[0], found.usage, self._elapsed_ms())
        today = database_clock.now().date()
        await self._runtime.commit(ledger.OpenEntry(row, (), today, cache_hit_key=self._cache_key))
        return rendered

    async def _open(self) -> AttemptLoop | Rendered:
        """Commit the row with its reservation; return the attempts to make, or the answer given before."""
        request, plan, now = self._request, self._plan, database_clock.now()
        first = attempts.start(f"{request.request_id}-1", plan.chain[0], plan.features, now.isoformat())
        self._row = ledger_rows.opening_row(self._caller, plan, first)
        if request.idempotency_key is not None:
            self._claim = answer_copies.claim_for(
                team_id=request.key.team.id,
                endpoint=request.endpoint,
                idempotency_key=request.idempotency_key,
                body_hash=request.body_hash,
                now=now,
            )
        outcome = await self._runtime.commit(
            ledger.OpenEntry(self._row, request.key.budget_ids, now.date(), claim=self._claim)
        )
        if isinstance(outcome, ledger.BudgetRefused):
            raise BudgetExceeded(
                "The budget does not cover the most this request may cost "
                f"({rendering.usd(first.reserved_nano_usd)} USD). Ask for fewer tokens (max_tokens) or a cheaper model, "
                "wait for the next period, or have staff raise the limit."
            )
        if isinstance(outcome, ledger.ExistingClaim):
            return self._replay(outcome)
        return AttemptLoop(
            self._runtime,
            self._snapshot,
            plan,
            body=request.body,
            is_stream=request.is_stream,
            budget_ids=request.key.budget_ids,
            first=first,
            opened=self._row,
            today=now.date(),
        )

    def _replay(self, existing: ledger.ExistingClaim) -> Rendered:
        if existing.body_hash != self._request.body_hash:
            raise IdempotencyMismatch(
                "This Idempotency-Key was used with a different request body. Use a new key for a new request."
            )
        if existing.state == "in_flight":
            raise IdempotencyConflict("A request with this Idempotency-Key is being worked on. Try again in a moment.")
        if existing.state == "unknown" or existing.encrypted_body is None:
            raise IdempotencyConflict(
                "The first request with this Idempotency-Key was run, but its answer was not kept (it was broken off, "
                "or too large). Use a new key to run it again."
            )
        return answer_copies.replay(existing)

    async def _first_reply(self, loop: AttemptLoop) -> ChatAnswer | ChatStream:
        """Get an answer (or the start of one) from the first model that gives it; settle the row when none does."""
        try:
            return await loop.run()
        except AllAttemptsFailed as error:
            await self._settle(loop, self._ending(State.FAILED, error.http_status, loop, error=error.last))
            raise
        except BaseException:
            # Broken off by the shutdown, or a fault of ours: what the provider did is not known.
            loop.break_off("aborted")
            await self._settle(loop, self._ending(State.FAILED, 503, loop, code="aborted"))
            raise

    async def _pass_on(self, loop: AttemptLoop, reply: ChatStream, headers: dict[str, str]) -> AsyncIterator[bytes]:
        """Yield the provider's events as they come, then the last chunk with usage and cost, then ``[DONE]``."""
        copy = answer_copies.StreamCopy(self._claim is not None or self._cache_key is not None or self._keeps_prompts)
        began = time.monotonic()
        try:
            async for block in reply:
                copy.add(block)
                yield block
            loop.upstream_seconds += time.monotonic() - began
            if reply.end is None:
                raise ProviderError("interrupted", "it ended early", retryable=False, fallback=False, sent="yes")
            last = await self._finish_stream(loop, reply, headers, copy)
        except ProviderError as error:
            loop.break_off(error.code)
            last = rendering.stream_error(error)
            ending = self._ending(State.PARTIAL, 200, loop, error=error)
            await self._settle(loop, ending, answer=copy.rendered(headers, last))
        except BaseException:
            # The client hung up on a provider that is told to stop then, or the process shuts down.
            code = "client_disconnected" if self.is_client_gone else "aborted"
            loop.break_off(code)
            await self._settle(loop, self._ending(State.PARTIAL, 200, loop, code=code))
            raise
        finally:
            await reply.aclose()
        yield last

    async def _finish_stream(
        self, loop: AttemptLoop, reply: ChatStream, headers: dict[str, str], copy: answer_copies.StreamCopy
    ) -> bytes:
        end = reply.end
        assert end is not None
        loop.succeed(end.usage or self._counted(loop, end.text))
        result = self._result(loop, end.finish_reason)
        last = rendering.last_chunks(result, end, wants_usage_chunk=self._request.wants_usage_chunk)
        document = response_cache.stream_document(copy.body, end) if self._cache_key else None
        kept = self._cache_entry(result, document)
        ending = self._ending(State.SETTLED, 200, loop, finish_reason=end.finish_reason)
        await self._settle(loop, ending, answer=copy.rendered(headers, last), cached=kept)
        return last

    async def _settle(
        self,
        loop: AttemptLoop,
        ending: Ending,
        *,
        answer: Rendered | None = None,
        cached: CachedResponse | None = None,
    ) -> None:
        """Close the row; goes on in the background when this task is cancelled meanwhile."""
        request = self._request
        row = ledger_rows.closing_row(self._row, self._plan, loop.made, ending)
        claim: ledger.Answer | Literal["release", "unknown"] | None = None
        if self._claim is not None and answer is not None:
            claim = answer_copies.kept(answer)
        elif self._claim is not None:
            claim = "unknown" if row["cost_nano_usd"] != 0 else "release"
        prompt = None
        if answer is not None and self._keeps_prompts:
            messages = request.body["messages"]
            prompt = answer_copies.stored_prompt(
                request.request_id, request.key.team, messages, answer.body, ending.settled_at
            )
        operation = ledger.CloseEntry(row, claim=claim, cached_response=cached, stored_prompt=prompt)
        await asyncio.shield(self._runtime.settle(operation))

    async def _render(self, result: Result, body: dict[str, Any]) -> Rendered:
        if self._request.endpoint == "chat":
            return Rendered(200, rendering.headers(result), rendering.chat_body(result, body))
        spent = await self._runtime.read(
            spending.cost_on_day, self._request.key.team.id, database_clock.now().date()
        )
        content = rendering.complete_body(result, body, spent + (result.cost_nano_usd or 0))
        return Rendered(200, rendering.headers(result), content)

    def _result(self, loop: AttemptLoop, finish_reason: str | None) -> Result:
        current = loop.current
        is_settled = current.state == "succeeded"
        usage = current.usage if is_settled else None
        return Result(
            request_id=self._request.request_id,
            plan=self._plan,
            model=current.model,
            attempts=len(loop.made),
            usage=usage,
            cost_nano_usd=ledger_rows.total_cost_nano_usd(loop.made) if is_settled else None,
            baseline_cost_nano_usd=ledger_rows.baseline_cost_nano_usd(self._plan, usage) if usage else None,
            latency_ms=self._elapsed_ms(),
            overhead_ms=self._overhead_ms(loop),
            finish_reason=finish_reason,
            is_fallback=current.model.id != loop.made[0].model.id,
        )

    def _ending(
        self,
        state: str,
        http_status: int,
        loop: AttemptLoop,
        *,
        finish_reason: str | None = None,
        error: ProviderError | None = None,
        code: str | None = None,
    ) -> Ending:
        return Ending(
            state=state,
            http_status=http_status,
            settled_at=database_clock.now(),
            latency_ms=self._elapsed_ms(),
            overhead_ms=self._overhead_ms(loop),
            first_token_ms=self._first_token_ms,
            finish_reason=finish_reason,
            error_code=error.code if error else code,
            error_message=error.message if error else None,
            client_disconnected=self.is_client_gone,
        )

    def _counted(self, loop: AttemptLoop, text: str) -> Usage:
        return attempts.counted_usage(self._plan.features, text, loop.current.model)

    def _key_of_cache(self) -> str | None:
        request = self._request
        team = request.key.team
        if team.cache_ttl_seconds is None or not request.may_cache:
            return None
        return response_cache.key_for(
            team, request.body, requested_model=request.requested_model, controls=request.controls
        )

    def _cache_entry(self, result: Result, body: bytes | None) -> CachedResponse | None:
        if self._cache_key is None:
            return None
        return response_cache.entry(
            self._cache_key,
            self._request.key.team,
            result,
            body,
            is_stream=self._request.is_stream,
            now=database_clock.now(),
        )

    @property
    def _keeps_prompts(self) -> bool:
        return self._request.key.team.prompt_retention_days is not None

    def _elapsed_ms(self) -> int:
        return round((time.monotonic() - self._request.started) * 1000)

    def _overhead_ms(self, loop: AttemptLoop) -> float:
        elapsed = time.monotonic() - self._request.started
        return max(0.0, round((elapsed - loop.upstream_seconds) * 1000, 2))


def _caller(request: CompletionRequest, runtime: Runtime) -> Caller:
    fingerprint = encryption.keyed_hash(normalization.prompt_bytes(request.body), purpose="prompt-fingerprint")
    return Caller(
        request_id=request.request_id,
        instance_id=str(runtime.instance.id),
        team_id=request.key.team.id,
        api_key_id=request.key.id,
        endpoint=request.endpoint,
        is_stream=request.is_stream,
        requested_model=request.requested_model,
        task=request.task,
        user_id=request.user_id,
        session_id=request.session_id,
        prompt_fingerprint=fingerprint,
        created_at=request.received_at,
    )
