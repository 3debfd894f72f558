"""The way of a request, from a validated prompt to a settled ledger row. Read this first.

plan (from memory) -> cached answer, or: row and reservation committed -> provider, with retries and failover ->
row settled -> answer. A stream is the same, with the answer passed on while it comes and the row settled before its
last chunk leaves. Whatever happens to the client, the row is closed with what the attempts cost.
"""

from collections.abc import AsyncGenerator, Callable
from datetime import datetime
from typing import Any, cast

import msgspec

from accounts.domain.features import Feature
from routing.domain import prompt_features, team_rules
from routing.models import CachedResponse, LedgerEntry
from routing.providers.base import ChatAnswer, ChatStream, ProviderError
from routing.selectors import spending
from routing.services import (
    answer_copies,
    attempts,
    database_clock,
    decisions,
    idempotency,
    ledger,
    ledger_rows,
    rendering,
    response_cache,
)
from routing.services.attempt_loop import AllAttemptsFailed, AttemptLoop
from routing.services.completion_request import CompletionRequest
from routing.services.group_commit import CONNECTION_ERRORS
from routing.services.pending_writes import StoreUnavailable
from routing.services.prompt_collector import NotedPrompt
from routing.services.rendering import Rendered, Result
from routing.services.runtime import Runtime
from routing.services.settlement import Settlement
from routing.services.snapshot import Snapshot

State = LedgerEntry.State


class BudgetExceeded(Exception):
    """A hard budget of the team or key has not enough left for what this request may cost."""


class StreamReply(msgspec.Struct, frozen=True):
    """An answer under way: headers now, then blocks of server-sent events to their end.

    ``drains`` says that, when the client hangs up, the blocks should be read to their end all the same.
    """

    headers: dict[str, str]
    blocks: AsyncGenerator[bytes, None]
    drains: bool


class Completion:
    """One request on its way; made for it and thrown away after.

    Making it decides where the request goes, and raises what ``decisions.plan`` raises. ``has_hung_up`` is asked when
    the answer is there; who knows earlier tells ``note_hang_up``.
    """

    def __init__(
        self, runtime: Runtime, snapshot: Snapshot, request: CompletionRequest, has_hung_up: Callable[[], bool]
    ) -> None:
        self._runtime = runtime
        self._snapshot = snapshot
        self._request = request
        self._plan = decisions.plan(snapshot, request.wish())
        self._caller = request.caller(str(runtime.instance.id))
        self._cache_key = self._key_to_reuse()
        self._settlement: Settlement | None = None
        self._has_hung_up = has_hung_up
        self._is_client_gone = False

    @property
    def is_client_gone(self) -> bool:
        return self._is_client_gone

    def _key_to_reuse(self) -> str | None:
        """Return the key of the answer in the cache; None where none is read from it and none written."""
        # An answer reused would be no outcome of the arm, and one kept would carry the arm's choice to others.
        if self._plan.assignment or not self._snapshot.gates.is_enabled(Feature.RESPONSE_CACHE, self._request.key.team):
            return None
        return self._request.cache_key(self._plan.decision)

    def note_hang_up(self) -> None:
        """Note that nobody waits for the answer any more; the request still ends as it would have."""
        self._is_client_gone = True
        if self._settlement is not None:
            self._settlement.is_client_gone = True

    async def answer(self) -> Rendered:
        """Answer in one piece.

        Raises:
            BudgetExceeded: It may not run.
            IdempotencyMismatch, IdempotencyConflict: Its Idempotency-Key was used before.
            AllAttemptsFailed: No provider answered; the row says what was tried.
            StoreUnavailable: The ledger could not be written, so that no provider was called.
        """
        opened = await self._cached() or await self._open()
        if isinstance(opened, Rendered):
            return opened
        reply = cast(ChatAnswer, await self._first_reply(opened))
        text = "" if reply.usage else rendering.answer_text(reply.body)
        opened.loop.succeed(reply.usage or attempts.counted_usage(self._plan.features, text, opened.loop.current.model))
        result = opened.result(reply.finish_reason)
        opened.is_client_gone = self._has_hung_up()
        try:
            rendered = await self._render(result, reply.body)
        except BaseException:
            # The provider has answered and bills; that is written down even if its answer cannot be handed on.
            await opened.settle(State.SETTLED, 503, code="aborted")
            raise
        kept = self._reusable(result, rendering.provider_json(reply.body)) if self._cache_key else None
        await opened.settle(State.SETTLED, 200, finish_reason=reply.finish_reason, answer=rendered, cached=kept)
        return rendered

    async def stream(self) -> StreamReply | Rendered:
        """Begin an answer as a stream; raises what ``answer`` does, before the first byte."""
        opened = await self._cached() or await self._open()
        if isinstance(opened, Rendered):
            return opened
        reply = cast(ChatStream, await self._first_reply(opened))
        opened.first_token_ms = self._request.elapsed_ms
        headers = rendering.stream_headers(opened.result(None))
        drains = self._snapshot.providers[opened.loop.current.model.provider].drain_on_disconnect
        return StreamReply(headers, self._pass_on(opened, reply, headers), drains)

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
            latency_ms=request.elapsed_ms,
            overhead_ms=float(request.elapsed_ms),
            is_cache_hit=True,
        )
        if request.is_stream:
            blocks, end = response_cache.replayed(found.body)
            last = rendering.last_chunks(result, end, wants_usage_chunk=request.wants_usage_chunk)
            rendered = Rendered(200, rendering.headers(result), blocks + last, rendering.STREAM_TYPE)
        else:
            rendered = await self._render(result, rendering.parsed_json(found.body))
        row = ledger_rows.cache_hit_row(self._caller, plan, offers[0], found.usage, request.elapsed_ms)
        today = database_clock.now().date()
        await self._runtime.commit(ledger.OpenEntry(row, (), today, cache_hit_key=self._cache_key))
        return rendered

    async def _open(self) -> Settlement | Rendered:
        """Commit the row with its reservation; return it open, or the answer that was given before."""
        request, plan, now = self._request, self._plan, database_clock.now()
        first = attempts.start(
            f"{request.request_id}-1",
            plan.decision.chosen.model,
            plan.features,
            choices=plan.choices,
            started_at=now.isoformat(),
        )
        row = ledger_rows.opening_row(self._caller, plan, first)
        claim = None
        if request.idempotency_key is not None:
            claim = idempotency.claim_for(
                team_id=request.key.team.id,
                endpoint=request.endpoint,
                idempotency_key=request.idempotency_key,
                body_hash=request.body_hash,
                now=now,
            )
        outcome = await self._runtime.commit(ledger.OpenEntry(row, request.key.budget_ids, now.date(), claim=claim))
        if isinstance(outcome, ledger.BudgetRefused):
            raise BudgetExceeded(
                f"The budget does not cover the {rendering.usd(first.reserved_nano_usd)} USD that this request may "
                "cost. Ask for fewer tokens (max_tokens) or a cheaper model, wait for the next period, or have staff "
                "raise the limit."
            )
        if isinstance(outcome, ledger.ExistingClaim):
            return idempotency.replay(outcome, request.body_hash)
        if plan.assignment is not None:
            self._runtime.exposures.note(plan.assignment, request.key.team.id, now)
        self._note_prompt(now)
        loop = AttemptLoop(
            self._runtime,
            self._snapshot,
            plan,
            body=request.body if plan.cap is None else team_rules.limited_body(request.body, plan.cap),
            is_stream=request.is_stream,
            budget_ids=request.key.budget_ids,
            first=first,
            opened=row,
            today=now.date(),
        )
        self._settlement = Settlement(self._runtime, request, loop, claim, is_client_gone=self._is_client_gone)
        return self._settlement

    def _note_prompt(self, now: datetime) -> None:
        """Hand on the prompt to be learned from; an answer does not wait for that."""
        plan, prompts = self._plan, self._runtime.prompts
        if not plan.is_learned_from:
            return
        if prompts.takes(has_vector=plan.vector is not None, is_wanted=plan.decision.is_explored):
            messages = self._request.body["messages"]
            prompts.note(
                NotedPrompt(
                    request_id=self._request.request_id,
                    team_id=self._request.key.team.id,
                    text=prompt_features.prompt_text(messages),
                    turns=prompt_features.turns(messages),
                    complexity_score=plan.features.complexity_score,
                    noted_at=now,
                    vector=plan.vector,
                )
            )

    async def _first_reply(self, opened: Settlement) -> ChatAnswer | ChatStream:
        """Get an answer (or the start of one) from the first model that gives it; settle the row when none does."""
        try:
            return await opened.loop.run()
        except AllAttemptsFailed as error:
            opened.is_client_gone = self._is_client_gone or self._has_hung_up()
            await opened.settle(State.FAILED, error.http_status, error=error.last)
            raise
        except BaseException:
            # Broken off by the shutdown, or a fault of ours: what the provider did is not known.
            opened.loop.break_off("aborted")
            await opened.settle(State.FAILED, 503, code="aborted")
            raise

    async def _pass_on(
        self, opened: Settlement, reply: ChatStream, headers: dict[str, str]
    ) -> AsyncGenerator[bytes, None]:
        """Yield the provider's events as they come, then the last chunk with usage and cost, then ``[DONE]``."""
        is_copied = opened.claim is not None or self._cache_key is not None or self._request.keeps_prompt
        copy = answer_copies.StreamCopy(is_copied)
        opened.loop.begin_stream()
        try:
            async for block in reply:
                copy.add(block)
                yield block
            if reply.end is None:
                raise ProviderError("interrupted", "it ended early", retryable=False, fallback=False, sent="yes")
        except ProviderError as error:
            opened.loop.break_off(error.code)
            last = rendering.stream_error(error)
            await opened.settle(State.PARTIAL, 200, error=error, answer=copy.rendered(headers, last))
        except BaseException:
            # The client hung up on a provider that is told to stop then, or the process shuts down.
            code = "client_disconnected" if self._is_client_gone else "aborted"
            opened.loop.break_off(code)
            await opened.settle(State.PARTIAL, 200, code=code)
            raise
        else:
            last = await self._finish_stream(opened, reply, headers, copy)
        finally:
            await reply.aclose()
        yield last

    async def _finish_stream(
        self, opened: Settlement, reply: ChatStream, headers: dict[str, str], copy: answer_copies.StreamCopy
    ) -> bytes:
        end = reply.end
        assert end is not None
        model = opened.loop.current.model
        opened.loop.succeed(end.usage or attempts.counted_usage(self._plan.features, end.text, model))
        result = opened.result(end.finish_reason)
        last = rendering.last_chunks(result, end, wants_usage_chunk=self._request.wants_usage_chunk)
        kept = self._reusable(result, response_cache.stream_document(copy.body, end)) if self._cache_key else None
        await opened.settle(
            State.SETTLED, 200, finish_reason=end.finish_reason, answer=copy.rendered(headers, last), cached=kept
        )
        return last

    async def _render(self, result: Result, body: dict[str, Any]) -> Rendered:
        if self._request.endpoint == "chat":
            return Rendered(200, rendering.headers(result), rendering.chat_body(result, body))
        content = rendering.complete_body(result, body, await self._total_today(result))
        return Rendered(200, rendering.headers(result), content)

    async def _total_today(self, result: Result) -> int | None:
        """Return the team's cost of today with this answer's; an answer is not lost because that cannot be read."""
        today = database_clock.now().date()
        try:
            spent = await self._runtime.read(spending.cost_on_day, self._request.key.team.id, today)
        except (StoreUnavailable, *CONNECTION_ERRORS):
            return None
        return spent + (result.cost_nano_usd or 0)

    def _reusable(self, result: Result, body: bytes | None) -> CachedResponse | None:
        assert self._cache_key is not None
        return response_cache.entry(
            self._cache_key,
            self._request.key.team,
            result,
            body,
            is_stream=self._request.is_stream,
            now=database_clock.now(),
        )
