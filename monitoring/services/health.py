"""Whether the product can do its job: real checks with short deadlines, and answers that reveal no addresses."""

import logging
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

import redis
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from yarl import URL

from accounts.services import bounded_wait, replica_watch
from monitoring.services.bounded_check import BoundedCheck
from routing.providers.base import ProviderConfig
from routing.services import breakers, provider_status, snapshot
from routing.services.runtime import Runtime
from routing.services.snapshot import Snapshot

logger = logging.getLogger(__name__)

DATABASE_SECONDS = 1.0
# After which a check that has met silence makes room for the next.
SILENT_SECONDS = 5.0
REDIS_SECONDS = 0.25
REPLICA_SECONDS = 1.0
REPLICA_FRESH_SECONDS = 1.0
PROVIDER_SECONDS = 1.0
PROVIDER_FRESH_SECONDS = 10.0

GatewayStatus = Literal["accepting", "draining", "not_running"]
DatabaseStatus = Literal["ok", "not_migrated", "unavailable"]
RedisStatus = Literal["ok", "unavailable", "not_configured"]
ReplicaStatus = Literal["ok", "lagging", "unavailable", "not_configured"]
ProviderState = Literal["ok", "unreachable", "failing"]
_REPLICA_IS_UNFIT = ("lagging", "unavailable")
Overall = Literal["healthy", "degraded", "unhealthy"]


@dataclass(frozen=True, slots=True)
class Health:
    """``unhealthy`` means that nothing can be answered: no database, or no provider that could be asked.

    ``replica_lag_seconds`` is None where the lag is not known.
    """

    status: Overall
    version: str
    database: DatabaseStatus
    redis: RedisStatus
    replica: ReplicaStatus
    replica_lag_seconds: float | None
    providers: Mapping[str, ProviderState]


def check() -> Health:
    """Check everything at once; takes at most about two seconds."""
    _database.start()
    redis_check = _redis(settings.REDIS_URL)
    redis_check.start()
    _replica.start()
    database, configuration = _database_state()
    providers = {} if configuration is None else _provider_states(configuration)
    redis_state = _redis_state(redis_check)
    replica, lag_seconds = _replica_state()
    return Health(
        status=_overall(database, providers, is_short=redis_state == "unavailable" or replica in _REPLICA_IS_UNFIT),
        version=settings.VERSION,
        database=database,
        redis=redis_state,
        replica=replica,
        replica_lag_seconds=lag_seconds,
        providers=providers,
    )


def database_status() -> DatabaseStatus:
    """Say whether the database answers and has every migration, within ``DATABASE_SECONDS``."""
    return _database_state()[0]


def gateway_status() -> GatewayStatus:
    """Say whether this process takes completions; ``not_running`` where Django is served without the gateway."""
    if Runtime.current is None:
        return "not_running"
    return "accepting" if Runtime.current.is_accepting else "draining"


def _overall(database: DatabaseStatus, providers: Mapping[str, ProviderState], *, is_short: bool) -> Overall:
    usable = [state for state in providers.values() if state == "ok"]
    if database != "ok" or not usable:
        return "unhealthy"
    return "degraded" if is_short or len(usable) < len(providers) else "healthy"


def _database_state() -> tuple[DatabaseStatus, Snapshot | None]:
    try:
        is_migrated, configuration = _database.result()
    except Exception as error:
        logger.warning("The database check failed: %s", type(error).__name__)
        return "unavailable", None
    return ("ok" if is_migrated else "not_migrated"), configuration


def _ask_database() -> tuple[bool, Snapshot | None]:
    try:
        with bounded_wait.within(SILENT_SECONDS, DEFAULT_DB_ALIAS):
            applied = MigrationRecorder(connection).applied_migrations()
            is_migrated = _newest_migrations() <= applied.keys()
            return is_migrated, snapshot.current() if is_migrated else None
    finally:
        connection.close()


@cache
def _newest_migrations() -> frozenset[tuple[str, str]]:
    """Return the last migration of each app in this version of the code."""
    return frozenset(MigrationLoader(None).graph.leaf_nodes())


def _replica_state() -> tuple[ReplicaStatus, float | None]:
    try:
        lag = _replica.result()
    except Exception as error:
        logger.warning("The check of the replica failed: %s", error or type(error).__name__)
        return "unavailable", None
    if lag is None:
        return "not_configured", None
    return ("ok" if lag <= settings.DATABASE_REPLICA_MAX_LAG_SECONDS else "lagging"), lag


def _ask_replica() -> float | None:
    if not replica_watch.is_configured():
        return None
    try:
        with bounded_wait.within(REPLICA_SECONDS, DEFAULT_DB_ALIAS, replica_watch.ALIAS):
            return replica_watch.lag_seconds()
    finally:
        connections.close_all()


def _redis_state(check: BoundedCheck[None]) -> RedisStatus:
    if not settings.REDIS_URL:
        return "not_configured"
    try:
        check.result()
    except Exception as error:
        logger.warning("The Redis check failed: %s", type(error).__name__)
        return "unavailable"
    return "ok"


@cache
def _redis(url: str) -> BoundedCheck[None]:
    return BoundedCheck(lambda: _ask_redis(url), seconds=REDIS_SECONDS)


def _ask_redis(url: str) -> None:
    if not url:
        return
    with redis.Redis.from_url(url, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS) as client:
        client.ping()


def _provider_states(configuration: Snapshot) -> dict[str, ProviderState]:
    checks = {slug: _connection_to(config.base_url) for slug, config in configuration.providers.items()}
    for check in checks.values():
        check.start()
    return {slug: _provider_state(configuration.providers[slug], check) for slug, check in checks.items()}


def _provider_state(config: ProviderConfig, check: BoundedCheck[None]) -> ProviderState:
    states = [state for (provider, _), state in breakers.states().items() if provider == config.slug]
    if provider_status.combined(states) == "open":
        return "failing"
    try:
        check.result()
    except Exception as error:
        logger.warning("Provider %s cannot be reached: %s", config.slug, type(error).__name__)
        return "unreachable"
    return "ok"


@cache
def _connection_to(base_url: str) -> BoundedCheck[None]:
    return BoundedCheck(lambda: _connect(base_url), seconds=PROVIDER_SECONDS, fresh_seconds=PROVIDER_FRESH_SECONDS)


def _connect(base_url: str) -> None:
    """Open and close a connection; providers that run in this process have no address and need none."""
    url = URL(base_url)
    if url.host and url.port:
        socket.create_connection((url.host, url.port), timeout=PROVIDER_SECONDS).close()


_replica: BoundedCheck[float | None] = BoundedCheck(
    _ask_replica, seconds=REPLICA_SECONDS, fresh_seconds=REPLICA_FRESH_SECONDS
)
_database: BoundedCheck[tuple[bool, Snapshot | None]] = BoundedCheck(_ask_database, seconds=DATABASE_SECONDS)
