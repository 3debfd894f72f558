"""Ledger operations for tests, made as a request makes them: one model, 1,000 tokens in, a reservation in dollars."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from accounts.models import ApiKey, Budget, Team
from accounts.services import budgets
from routing.domain.catalog import Candidate
from routing.domain.decision import RoutingDecision
from routing.domain.usage import Usage
from routing.services import attempts, ledger, ledger_rows, request_ids
from routing.services.attempts import Attempt
from routing.services.decisions import Plan
from routing.services.ledger_rows import Caller, Ending
from tests import factories
from tests.routing.domain import specs

NOW = datetime(2026, 3, 4, 12, 0, 0, 250_000, tzinfo=UTC)
TODAY = date(2026, 3, 4)
INSTANCE = "01a200de-0000-7000-8000-000000000000"
# 1,000 tokens in at 1,000 and at most 100 out at 2,000 nano-dollars.
RESERVED = 1_000 * 1_000 + 100 * 2_000
COST = 1_000 * 1_000 + 20 * 2_000
USED = Usage(input_tokens=1_000, output_tokens=20)
BODY_HASH = "b" * 64


def plan() -> Plan:
    model = specs.model()
    chosen = Candidate(model, None)
    decision = RoutingDecision("named", chosen, (chosen,), None, 1.0, "for a test")
    return Plan(specs.features(max_output_tokens=100), decision, (), model)


@dataclass
class Request:
    """A request of a team with these budgets, and the operations that open, extend and close its row."""

    key: ApiKey
    budget_ids: tuple[int, ...] = ()
    idempotency_key: str | None = None
    instance_id: str = INSTANCE
    id: str = field(default_factory=lambda: str(request_ids.new(NOW)))

    def __post_init__(self) -> None:
        self.plan = plan()
        self.made = [self._attempt()]
        caller = Caller(
            request_id=self.id,
            instance_id=self.instance_id,
            team_id=self.key.team_id,
            api_key_id=self.key.id,
            endpoint="chat",
            is_stream=False,
            requested_model="openai/plain",
            task=None,
            user_id=None,
            session_id=None,
            prompt_fingerprint="f" * 64,
            created_at=NOW,
        )
        self.row = ledger_rows.opening_row(caller, self.plan, self.made[0])

    def opening(self) -> ledger.OpenEntry:
        return ledger.OpenEntry(self.row, self.budget_ids, TODAY, claim=self._claim())

    def extension(self) -> ledger.ExtendEntry:
        """Give the attempt up at its reservation and write down another, which may cost as much again."""
        self.made[-1].break_off("timeout", 10)
        self.made.append(self._attempt())
        row = ledger_rows.extension_row(self.row, self.made, RESERVED * len(self.made))
        return ledger.ExtendEntry(row, self.budget_ids, TODAY, RESERVED)

    def closing(self, usage: Usage = USED, **fields: Any) -> ledger.CloseEntry:
        self.made[-1].succeed(usage, 50)
        ending = Ending("settled", 200, NOW + timedelta(seconds=1), latency_ms=60, overhead_ms=1.5)
        return ledger.CloseEntry(ledger_rows.closing_row(self.row, self.plan, self.made, ending), **fields)

    def _attempt(self) -> Attempt:
        number = len(self.__dict__.get("made", ())) + 1
        features, model = self.plan.features, self.plan.chain[0]
        return attempts.start(f"{self.id}-{number}", model, features, choices=1, started_at=NOW.isoformat())

    def _claim(self) -> ledger.Claim | None:
        if self.idempotency_key is None:
            return None
        lifetime = timedelta(hours=24)
        return ledger.Claim(self.key.team_id, self.idempotency_key.ljust(64, "0"), BODY_HASH, NOW, NOW + lifetime)


def key() -> ApiKey:
    return factories.api_key()[0]


def budget(team: Team, limit_nano_usd: int = 10**9) -> Budget:
    return budgets.set_budget(team=team, period="day", limit_nano_usd=limit_nano_usd, today=TODAY)
