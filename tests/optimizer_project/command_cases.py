"""For each command of `manage.py optimizer`: one call that succeeds, and one that fails with a message that helps.

``{url}`` stands for a server that answers as ours would, ``{port}`` for its port, ``{dead}`` for an address at which
nothing listens.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import connection

from routing.domain import policy as policy_domain
from routing.services import catalog, policies
from tests import factories
from tests.insights.reviewed_traffic import finding

NOW = factories.NOON
KEY = ("--api-key", "aco_key")
_DECISION = {"provider": "simulated", "model": "small", "expected_cost_usd": 0}
ANSWERS: Mapping[str, Mapping[str, Any]] = {
    "/v1/chat/completions": {"model": "small", "choices": [{"message": {"content": "Paris."}}], "usage": {}},
    "/feedback": {"feedback_id": 7, "linked": True},
    "/routing/decision": {**_DECISION, "candidates": [{"provider": "simulated", "model": "small", "simulated": True}]},
    "/complete": {
        "request_id": "0198a7c4-0000-7000-8000-000000000001",
        "response": "Paris, of course: def scatter(schema): return '11:15, buenos días'",
        "provider": "simulated",
        "model": "small",
        "pattern": "general",
        "complexity_score": 0.1,
        "reasoning": "cheapest of 2 simple models",
        "cost": 0.000125,
        "baseline_model": "simulated/large",
        "baseline_cost": 0.001,
        "savings": 0.000875,
        "simulated": True,
    },
    "/health": {"status": "healthy", "version": "1", "database": "ok", "redis": "ok", "providers": {"simulated": "ok"}},
    "/health/readiness": {"status": "ready", "database": "ok", "gateway": "accepting"},
    "/health/learning": {"status": "healthy", "components": {"learning_engine": "ok"}, "metrics": None},
    "/health/jobs": {"status": "healthy", "last_sweep_at": "2026-03-04T12:00:00+00:00"},
}
BODIES = {path: json.dumps(answer).encode() for path, answer in ANSWERS.items()}


def nothing() -> None:
    """Leave the database as a first set-up leaves it, without even a catalog."""


def acme() -> None:
    factories.team("acme")


def shipped_catalog() -> None:
    catalog.sync_catalog(now=datetime(2026, 1, 1, tzinfo=UTC))


def two_policies() -> None:
    """Have policy 1 replaced by policy 2."""
    for number, tolerance in enumerate((0.1, 0.2), start=1):
        policy = policies.publish(
            team=None, document=policy_domain.document(tolerance=tolerance), source="staff", actor="ada", now=NOW
        )
        type(policy).objects.filter(pk=policy.pk).update(version=number)
        policy.refresh_from_db()
        policies.activate(policy, kind="staff", actor="ada", reason="", now=NOW)


def suggestion() -> None:
    """Have finding 1, which asks for a response cache."""
    finding(factories.team("acme"), id=1, action={"kind": "enable_response_cache", "parameters": {"ttl_seconds": 600}})


def lost(table: str) -> Callable[[], None]:
    """Return what takes a table away, as in a database that was never set up."""

    def lose() -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {table} RENAME TO lost")

    return lose


@dataclass(frozen=True)
class Call:
    """A call of a command: ``told`` is what it must say, on standard output or, where it fails, on standard error."""

    words: tuple[str, ...]
    told: str
    before: Callable[[], None] = nothing


@dataclass(frozen=True)
class Proof:
    """A test elsewhere, for a call that takes too long to be made here as well."""

    module: str
    test: str


SET_UP = "If it has not been set up yet, run: manage.py optimizer setup"
NO_TEAM = "There is no team 'none'. List them with: manage.py optimizer team list"
START = "Start the server with: manage.py optimizer start"

SUCCESSES: dict[str, Call | Proof] = {
    "start": Proof("tests.optimizer_project.test_start", "test_everything_comes_up_answers_and_goes_down_in_order"),
    "setup": Proof("tests.optimizer_project.test_cli_setup", "test_second_setup_shows_and_makes_nothing_new"),
    "doctor": Call(("--port", "{free}"), "OK       database:", shipped_catalog),
    "demo": Call(("--url", "{url}", *KEY), "Saved        0.007000 USD"),
    "status": Call((), "Models that auto can choose: 0"),
    "health": Call(("--url", "{url}", "--all"), "last sweep 2026-03-04 12:00:00 UTC"),
    "chat": Call(("Capital of France?", "--url", "{url}", *KEY), "Paris."),
    "decide": Call(("Capital of France?",), "simulated/simulated-small (complexity)", shipped_catalog),
    "feedback": Call(("rate", "some-id", "5", "--url", "{url}", *KEY), "Recorded as feedback 7."),
    "team": Call(("create", "acme"), "Team acme was created."),
    "key": Call(("create", "acme", "--name", "first"), "aco_", acme),
    "budget": Call(("set", "acme", "25"), "The hard limit of team acme is 25.00 USD a month.", acme),
    "prices": Call(("show", "simulated-small"), "US dollars per million tokens", shipped_catalog),
    "catalog": Call(("sync",), "Written: "),
    "reconcile": Call((), "Rows closed: 0."),
    "metrics": Call(("verify",), "The roll-ups agree with the ledger."),
    "stats": Call((), "There are no requests yet. Send some: manage.py optimizer demo"),
    "export": Call(("requests", "--team", "acme"), "request_id,created_at,", acme),
    "prune": Call((), "Nothing was deleted. Add --yes to delete these 0 rows."),
    "retrain": Call((), "This was a dry run"),
    "train": Proof("tests.optimizer_project.test_cli_train", "test_train_stores_a_candidate_and_tells_what_it_knows"),
    "rollback": Call(("1",), "Policy 1 routes again in place of policy 2", two_policies),
    "trends": Call(("code",), "No retraining has seen ratings of code yet."),
    "outcomes": Call(("list",), "There are no sets yet."),
    "calibrate": Call(("status",), "There are no calibrations"),
    "experiments": Call(("list",), "There are no experiments."),
    "review": Call(("--team", "acme"), "acme: 0 requests for 0.00 USD", acme),
    "insights": Call(("suggestions", "--team", "acme"), "There is nothing to suggest.", acme),
    "apply": Call(("1", "--yes"), "is in force. Take it back with: manage.py optimizer apply --revert", suggestion),
    "jobs": Call(("list",), "No job has run."),
    "features": Call(("list",), "learned_routing"),
    "rollout": Call(("status",), "No rollout runs"),
    "alerts": Call(("list",), "Nothing fires."),
    "validate": Call(("--skip-api",), "usage_rollups"),
}
FAILURES: dict[str, Call] = {
    "start": Call(("--port", "{port}"), "Choose another: manage.py optimizer start --port"),
    "setup": Call((), SET_UP, lost("accounts_team")),
    "doctor": Call(("--port", "{port}"), "The cure of each stands above.", shipped_catalog),
    "demo": Call(("--url", "{dead}", *KEY), START),
    "status": Call((), SET_UP, lost("routing_provider")),
    "health": Call(("--url", "{dead}"), START),
    "chat": Call(("Hi", "--url", "{dead}", *KEY), START),
    "decide": Call(("Hi",), "the catalog is empty; load it, or set a provider's key"),
    "feedback": Call(("summary", "--team", "none"), NO_TEAM),
    "team": Call(("create", "acme"), "choose another", acme),
    "key": Call(("create", "none", "--name", "first"), NO_TEAM),
    "budget": Call(("set", "none", "25"), NO_TEAM),
    "prices": Call(("show", "gpt-none"), "List them with: manage.py optimizer status"),
    "catalog": Call(("sync",), SET_UP, lost("routing_provider")),
    "reconcile": Call((), SET_UP, lost("routing_metrics")),
    "metrics": Call(("show", "--team", "none"), NO_TEAM),
    "stats": Call(("--team", "none"), NO_TEAM),
    "export": Call(("requests", "--since", "yesterday"), "such as 2026-03-01"),
    "prune": Call((), SET_UP, lost("metrics")),
    "retrain": Call(("--team", "acme"), "leave out --team", acme),
    "train": Call((), "Import evaluation outcomes of several models"),
    "rollback": Call(("9",), "Its versions are listed in the admin."),
    "trends": Call(("poetry",), "(choose from 'code'"),
    "outcomes": Call(("show", "9"), "List them with: manage.py optimizer outcomes list"),
    "calibrate": Call(("status", "9"), "List them with: manage.py optimizer calibrate status"),
    "experiments": Call(("show", "9"), "List them with: manage.py optimizer experiments list"),
    "review": Call((), "Make one with: manage.py optimizer team create SLUG"),
    "insights": Call(("suggestions", "--team", "none"), NO_TEAM),
    "apply": Call(("9",), "The findings are listed by: manage.py optimizer review"),
    "jobs": Call(("retry", "9"), "List them with: manage.py optimizer jobs list"),
    "features": Call(("list", "--team", "none"), NO_TEAM),
    "rollout": Call(("advance",), "Start one with its features."),
    "alerts": Call(("ack", "9"), "List them with: manage.py optimizer alerts list --all"),
    "validate": Call(("--skip-api",), SET_UP, lost("integrity_checks")),
}
