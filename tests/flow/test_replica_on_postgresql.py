"""Reports are read from a replica that streams from PostgreSQL; nothing is decided by it, and nobody waits for it."""

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection, connections
from django.test import Client, override_settings

from accounts.models import Team
from accounts.services import config_version, replica, replica_watch
from monitoring.services import health
from routing.models import Provider
from tests import factories
from tests.server import GatewayProcess, database_url, running_gateway
from tests.services import PostgresReplica, start_postgres_replica

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "replica"])

SECONDS = 30.0


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture(scope="module", autouse=True)
def running(django_db_setup: None, django_db_blocker: Any) -> Iterator[PostgresReplica]:
    """The replica, named in the settings of this process before Django asks what databases a test may use."""
    with django_db_blocker.unblock():
        url = database_url()
    with start_postgres_replica(url) as started, pytest.MonkeyPatch.context() as patch:
        address = {**connection.settings_dict, "PORT": str(urlsplit(started.url).port)}
        # Emptied after each test with the database itself, and not beside it.
        address["TEST"] = {**address["TEST"], "MIRROR": "default"}
        patch.setitem(settings.DATABASES, replica_watch.ALIAS, address)
        patch.setattr(replica_watch, "LOOK_EVERY_SECONDS", 0.05)
        # A machine that is busy with other things makes no replica unfit.
        patch.setattr(replica_watch, "LOOK_SECONDS", SECONDS)
        patch.setattr(replica_watch, "KNOWN_SECONDS", SECONDS)
        with override_settings(DATABASE_ROUTERS=["accounts.services.replica.Router"]):
            yield started


@pytest.fixture
def standby(running: PostgresReplica, transactional_db: None) -> Iterator[PostgresReplica]:
    # Until it has replayed a transaction of its own, nobody knows how far it is behind.
    factories.team().delete()
    until(lambda: running.ask("SELECT pg_last_xact_replay_timestamp()") is not None)
    until(replica_watch.watch.is_fit)
    yield running
    replica_watch.watch.stop()
    running.ask("SELECT pg_wal_replay_resume()")
    connections[replica_watch.ALIAS].close()


def names() -> list[str]:
    return list(Team.objects.order_by("id").values_list("slug", flat=True))


def stop_replay(standby: PostgresReplica) -> None:
    """Leave the replica with what there is now."""
    until(lambda: replica_watch.lag_seconds() == 0.0)
    standby.ask("SELECT pg_wal_replay_pause()")
    until(lambda: standby.ask("SELECT pg_get_wal_replay_pause_state()") == "paused")


def behind(standby: PostgresReplica) -> None:
    """Add a team that the replica has, and one that it has not."""
    factories.team("old")
    stop_replay(standby)
    factories.team("new")


def test_report_is_read_from_the_replica_and_everything_else_from_the_original(standby: PostgresReplica) -> None:
    behind(standby)

    assert (replica.read(names), list(replica.rows(names)), names()) == (["old"], ["old"], ["old", "new"])


def test_list_and_export_are_read_from_the_replica_by_who_is_known_to_the_original_alone(
    standby: PostgresReplica, client: Client, admin_user: User
) -> None:
    team = factories.team()
    old = factories.ledger_entry(team, served_model="old-model")
    stop_replay(standby)
    new = factories.ledger_entry(team, served_model="new-model")
    client.force_login(admin_user)
    asked = {"action": "export_csv", "select_across": "1", "_selected_action": [str(old.pk)]}

    page = client.get("/admin/routing/ledgerentry/?period=all").content.decode()
    export: Any = client.post("/admin/routing/ledgerentry/?period=all", asked)
    exported = b"".join(export.streaming_content).decode()
    one = client.get(f"/admin/routing/ledgerentry/{new.pk}/change/")

    assert ("old-model" in page, "new-model" in page) == (True, False)
    assert ("old-model" in exported, "new-model" in exported) == (True, False)
    assert one.status_code == 200


def test_report_that_rests_on_what_has_not_arrived_is_read_from_the_original(standby: PostgresReplica) -> None:
    behind(standby)
    config_version.bump()
    version = config_version.current()

    found = replica.read(names, has_arrived=lambda: config_version.current() >= version)

    assert found == ["old", "new"]


def test_what_was_read_from_the_replica_is_written_to_the_original(standby: PostgresReplica) -> None:
    team = factories.team("old")
    until(lambda: replica_watch.lag_seconds() == 0.0)

    read = replica.read(lambda: Team.objects.get(id=team.id))
    read.name = "renamed"
    read.save()

    assert (read._state.db, Team.objects.get().name) == ("default", "renamed")


def test_replica_that_lags_too_far_is_left_to_itself_until_it_has_caught_up(standby: PostgresReplica) -> None:
    behind(standby)
    with override_settings(DATABASE_REPLICA_MAX_LAG_SECONDS=0):
        found = replica.read(names)
        told = health.check()
        standby.ask("SELECT pg_wal_replay_resume()")
        until(lambda: replica_watch.lag_seconds() == 0.0)

    assert (found, told.replica) == (["old", "new"], "lagging")
    assert told.replica_lag_seconds is not None
    assert told.replica_lag_seconds > 0.0


def test_another_database_of_the_same_server_is_no_replica(
    standby: PostgresReplica, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connections[replica_watch.ALIAS].settings_dict, "NAME", "postgres")

    with pytest.raises(replica_watch.NotAReplica, match="names another database"):
        replica_watch.lag_seconds()


def test_the_database_itself_is_no_replica(standby: PostgresReplica, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connections[replica_watch.ALIAS].settings_dict, "PORT", connection.settings_dict["PORT"])

    with pytest.raises(replica_watch.NotAReplica, match="is no replica"):
        replica_watch.lag_seconds()


@dataclass(frozen=True)
class Caller:
    gateway: GatewayProcess
    secret: str

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        return json.loads(self.fetch(path, body))

    def fetch(self, path: str, body: dict[str, Any] | None = None) -> bytes:
        request = urllib.request.Request(
            f"{self.gateway.url}{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.secret}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            found: bytes = answer.read()
        return found

    def reported(self) -> tuple[int, int]:
        """Return how many requests a report tells of, and how many events an export has."""
        exported = self.fetch("/api/v1/metrics/export?format=jsonl").count(b"\n")
        return self.ask("/stats")["totals"]["requests"], exported


def test_gateway_decides_by_the_original_and_reports_from_the_replica_until_that_is_killed(
    running: PostgresReplica, tmp_path: Path
) -> None:
    model = factories.language_model(factories.provider(kind=Provider.Kind.SIMULATED, base_url=""))
    factories.price(model)
    running.ask("SELECT pg_wal_replay_pause()")
    with running_gateway(tmp_path, environment={"DATABASE_REPLICA_URL": running.url}) as gateway:
        caller = Caller(gateway, factories.api_key()[1])
        gateway.wait_until_it_knows(caller.secret)
        until(lambda: caller.ask("/health")["replica"] == "ok")

        answer = caller.ask(
            "/v1/chat/completions", {"model": str(model), "messages": [{"role": "user", "content": "a"}]}
        )
        caller.ask("/api/v1/metrics", {"type": "deploy"})
        until(lambda: caller.reported() == (0, 0))
        running.ask("SELECT pg_wal_replay_resume()")
        until(lambda: caller.reported() == (1, 1))
        running.kill()
        killed = caller.reported()
        until(lambda: caller.ask("/health")["replica"] == "unavailable")

    assert answer["object"] == "chat.completion"
    assert killed == (1, 1)
    assert "until its replica is fit" in gateway.output()
