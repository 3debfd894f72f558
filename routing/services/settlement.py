"""Closes the ledger row of one request, with everything that must become true at the same moment."""

import asyncio
import time
from typing import Literal

import msgspec

from accounts.services import telemetry
from routing.models import CachedResponse, LedgerEntry
from routing.providers.base import ProviderError
from routing.services import answer_copies, database_clock, idempotency, ledger, ledger_rows, sessions
from routing.services.attempt_loop import AttemptLoop
from routing.services.completion_request import CompletionRequest
from routing.services.ledger_rows import Ending
from routing.services.rendering import Rendered, Result
from routing.services.runtime import Runtime


class Settlement(msgspec.Struct):
    """The open row of a request whose attempts are ``loop``; ``claim`` is its hold on an Idempotency-Key."""

    runtime: Runtime
    request: CompletionRequest
    loop: AttemptLoop
    claim: ledger.Claim | None
    is_client_gone: bool = False
    first_token_ms: int | None = None

    def result(self, finish_reason: str | None) -> Result:
        """Return how the request is being served; money and tokens are known once its attempt has succeeded."""
        loop, current = self.loop, self.loop.current
        usage = current.usage if current.state == "succeeded" else None
        return Result(
            request_id=self.request.request_id,
            plan=loop.plan,
            model=current.model,
            attempts=len(loop.made),
            usage=usage,
            cost_nano_usd=ledger_rows.total_cost_nano_usd(loop.made) if usage else None,
            baseline_cost_nano_usd=ledger_rows.baseline_cost_nano_usd(loop.plan, usage) if usage else None,
            latency_ms=self.request.elapsed_ms,
            overhead_ms=self._overhead_ms,
            finish_reason=finish_reason,
            is_fallback=current.model.id != loop.made[0].model.id,
        )

    async def settle(
        self,
        state: str,
        http_status: int,
        *,
        finish_reason: str | None = None,
        error: ProviderError | None = None,
        code: str | None = None,
        answer: Rendered | None = None,
        cached: CachedResponse | None = None,
    ) -> None:
        """Write how the request ended; goes on in the background when this task is cancelled meanwhile.

        Args:
            error: What ended it, or else ``code``, a word of our own.
            answer: What the client was given whole, to be kept for its Idempotency-Key and for teams that keep prompts.
            cached: The answer as it may be reused.
        """
        ending = Ending(
            state=state,
            http_status=http_status,
            settled_at=database_clock.now(),
            latency_ms=self.request.elapsed_ms,
            overhead_ms=self._overhead_ms,
            first_token_ms=self.first_token_ms,
            finish_reason=finish_reason,
            error_code=error.code if error else code,
            error_message=error.message if error else None,
            client_disconnected=self.is_client_gone,
        )
        row = ledger_rows.closing_row(self.loop.opened, self.loop.plan, self.loop.made, ending)
        prompt = None
        if answer is not None and self.request.keeps_prompt:
            prompt = answer_copies.stored_prompt(
                self.request.request_id,
                self.request.key.team,
                self.request.body["messages"],
                answer.body,
                ending.settled_at,
            )
        claim = self._claim_ending(answer, row["cost_nano_usd"])
        self._note_session(state)
        telemetry.observe("gateway_overhead_seconds", ending.overhead_ms / 1000)
        operation = ledger.CloseEntry(
            row, held=self.loop.held, claim=claim, cached_response=cached, stored_prompt=prompt
        )
        if self.runtime.reporter is not None:
            self.runtime.reporter.tell(self, ending, row)
        await asyncio.shield(self.runtime.settle(operation))

    def _note_session(self, state: str) -> None:
        """Remember which model's provider may now have the session's prompts in its cache."""
        session_id, current = self.request.session_id, self.loop.current
        if session_id is not None and state == LedgerEntry.State.SETTLED and current.usage is not None:
            assignment = self.loop.plan.assignment
            arm = None if assignment is None else (assignment.experiment_id, assignment.arm.name)
            sessions.note(self.request.key.team.id, session_id, current.model.full_name, current.usage, arm=arm)

    def _claim_ending(
        self, answer: Rendered | None, cost_nano_usd: int | None
    ) -> ledger.Answer | Literal["release", "unknown"] | None:
        """Keep the answer; without one, a request that cost nothing may be tried again under its key."""
        if self.claim is None:
            return None
        if answer is not None:
            return idempotency.kept(answer)
        return "release" if cost_nano_usd == 0 else "unknown"

    @property
    def _overhead_ms(self) -> float:
        elapsed = time.monotonic() - self.request.started
        return max(0.0, round((elapsed - self.loop.upstream_seconds) * 1000, 2))
