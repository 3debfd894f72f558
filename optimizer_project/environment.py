"""Reads and checks the environment; a bad or unsafe value stops the start with a message that names it."""

import secrets
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import environ
from celery import schedules
from django.core.exceptions import ImproperlyConfigured

ENVIRONMENTS = ("development", "test", "production")
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
# How long one question of a report may take on a replica.
REPORT_MILLISECONDS = 15_000
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def text(env: environ.Env, name: str, default: str) -> str:
    """Return the variable's value without outer blanks; one that is empty counts as not set."""
    return str(env.str(name, default="")).strip() or default


def words(env: environ.Env, name: str, default: list[str]) -> list[str]:
    """Return the variable's values, separated by commas; an empty variable counts as not set."""
    found = [word.strip() for word in text(env, name, "").split(",")]
    return [word for word in found if word] or default


def words_of(env: environ.Env, name: str, allowed: Iterable[str]) -> list[str]:
    """Return the words of a list separated by commas; raises ImproperlyConfigured when one is none of ``allowed``."""
    known = list(allowed)
    found = words(env, name, [])
    if unknown := [word for word in found if word not in known]:
        raise ImproperlyConfigured(f"{name} names {', '.join(unknown)}: use some of {', '.join(known)}.")
    return found


def networks(env: environ.Env, name: str, default: list[str]) -> list[IPv4Network | IPv6Network]:
    """Return the networks of a list separated by commas; raises ImproperlyConfigured when one is none."""
    try:
        return [ip_network(word) for word in words(env, name, default)]
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} is not valid: use networks such as 10.0.0.0/8. {error}.") from error


def choice(env: environ.Env, name: str, allowed: tuple[str, ...], default: str) -> str:
    """Return the variable's value; raises ImproperlyConfigured when it is none of ``allowed``."""
    value = text(env, name, default)
    if value not in allowed:
        raise ImproperlyConfigured(f"{name}={value!r} is not valid: use one of {', '.join(allowed)}.")
    return value


def boolean(env: environ.Env, name: str, default: bool) -> bool:
    """Return true or false; raises ImproperlyConfigured for any other word."""
    value = text(env, name, str(default)).strip().lower()
    if value in ("1", "true", "yes", "on"):
        return True
    if value in ("0", "false", "no", "off", ""):
        return False
    raise ImproperlyConfigured(f"{name}={value!r} is not valid: use true or false.")


def integer(env: environ.Env, name: str, default: int, minimum: int, maximum: int) -> int:
    """Return a whole number within the bounds; raises ImproperlyConfigured otherwise."""
    value = text(env, name, str(default)).strip()
    if not value.isascii() or not value.lstrip("-").isdigit() or not minimum <= int(value) <= maximum:
        raise ImproperlyConfigured(f"{name}={value!r} is not valid: use a whole number from {minimum} to {maximum}.")
    return int(value)


def share(env: environ.Env, name: str, default: float) -> float:
    """Return a number in [0, 0.5]; raises ImproperlyConfigured otherwise."""
    value = text(env, name, str(default))
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    # NaN compares false with everything, so it is refused as well.
    if not 0.0 <= number <= 0.5:
        raise ImproperlyConfigured(f"{name}={value!r} is not valid: use a share from 0 to 0.5, such as {default:g}.")
    return number


def crontab(env: environ.Env, name: str, default: str) -> str:
    """Return five fields as cron reads them, in UTC; raises ImproperlyConfigured for any other text."""
    value = text(env, name, default)
    try:
        schedules.crontab.from_string(value)
    except (ValueError, TypeError, schedules.ParseException) as error:
        raise ImproperlyConfigured(
            f"{name}={value!r} is not valid: use minute, hour, day, month and weekday, such as {default!r}. {error}"
        ) from error
    return value


def secret_key(env: environ.Env, data_dir: Path, is_production: bool) -> str:
    """Return SECRET_KEY; outside production one is made on first use and kept in the data directory."""
    value = text(env, "SECRET_KEY", "")
    if is_production and len(value) < 50:
        raise ImproperlyConfigured(
            "SECRET_KEY must be set to at least 50 random characters when ENVIRONMENT=production. Make one with: "
            'python -c "import secrets; print(secrets.token_urlsafe(64))"'
        )
    if value:
        return value
    path = data_dir / "secret_key"
    if not path.exists():
        data_dir.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(64))
    return path.read_text().strip()


def database(env: environ.Env, data_dir: Path) -> dict[str, Any]:
    """Return Django's settings of the database: PostgreSQL when named, else SQLite in the data directory."""
    url = text(env, "DATABASE_URL", "") or _postgres_url(env)
    if not url:
        data_dir.mkdir(parents=True, exist_ok=True)
        return _sqlite(str(data_dir / "optimizer.sqlite3"), data_dir)
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        name = parts.path if parts.path.startswith("//") else parts.path.removeprefix("/") or ":memory:"
        return _sqlite(name, data_dir)
    if parts.scheme not in ("postgres", "postgresql"):
        raise ImproperlyConfigured(
            f"DATABASE_URL has the scheme {parts.scheme!r}: use postgresql://user:password@host:5432/name or "
            "sqlite:////absolute/path."
        )
    return _postgres(env, url)


def replica(env: environ.Env, original: dict[str, Any]) -> dict[str, Any] | None:
    """Return Django's settings of the replica that reports may be read from; None where none is named.

    Raises:
        ImproperlyConfigured: It is no address of a PostgreSQL, is the database itself, or that is SQLite.
    """
    url = text(env, "DATABASE_REPLICA_URL", "")
    if not url:
        return None
    if original["ENGINE"] != "django.db.backends.postgresql":
        raise ImproperlyConfigured(
            "DATABASE_REPLICA_URL is refused with SQLite, which has no replicas: name a PostgreSQL in DATABASE_URL, or "
            "leave DATABASE_REPLICA_URL empty."
        )
    if urlsplit(url).scheme not in ("postgres", "postgresql"):
        raise ImproperlyConfigured("DATABASE_REPLICA_URL is not valid: use postgresql://user:password@host:5432/name.")
    settings = _postgres(env, url, "DATABASE_REPLICA_URL")
    if _address(settings) == _address(original):
        raise ImproperlyConfigured(
            "DATABASE_REPLICA_URL names the database itself: name its replica, or leave DATABASE_REPLICA_URL empty."
        )
    limits = f"-c default_transaction_read_only=on -c statement_timeout={REPORT_MILLISECONDS}"
    settings["OPTIONS"]["options"] = f"{settings['OPTIONS'].get('options', '')} {limits}".strip()
    return settings


def redis_url(env: environ.Env) -> str:
    """Return REDIS_URL, empty when none is used; raises ImproperlyConfigured for any other scheme."""
    value = text(env, "REDIS_URL", "")
    if value and urlsplit(value).scheme not in ("redis", "rediss", "unix"):
        raise ImproperlyConfigured("REDIS_URL is not valid: use redis://host:6379/0.")
    return value


def _address(settings: dict[str, Any]) -> tuple[str, int, str]:
    return settings["HOST"] or "localhost", int(settings["PORT"] or 5432), settings["NAME"]


def _postgres(env: environ.Env, url: str, variable: str = "DATABASE_URL") -> dict[str, Any]:
    settings: dict[str, Any] = environ.Env.db_url_config(url)
    if not settings.get("NAME"):
        raise ImproperlyConfigured(f"{variable} names no database: use postgresql://user:password@host:5432/name.")
    settings["ENGINE"] = "django.db.backends.postgresql"
    settings["CONN_MAX_AGE"] = 0
    settings.setdefault("OPTIONS", {}).update(
        {
            "connect_timeout": 2,
            # A server that is gone without a word is noticed in some ten seconds, whoever spoke last.
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "tcp_user_timeout": 10_000,
        }
    )
    for option, value in _tls(env).items():
        # What the URL says of itself wins.
        settings["OPTIONS"].setdefault(option, value)
    return settings


def _postgres_url(env: environ.Env) -> str:
    host = text(env, "POSTGRES_HOST", "")
    if not host:
        return ""
    password = text(env, "POSTGRES_PASSWORD", "") or text(env, "DB_PASSWORD", "")
    user = quote(text(env, "POSTGRES_USER", "optimizer"), safe="")
    port = integer(env, "POSTGRES_PORT", 5432, 1, 65535)
    name = quote(text(env, "POSTGRES_DB", "optimizer"), safe="")
    return f"postgresql://{user}:{quote(password, safe='')}@{host}:{port}/{name}"


def _tls(env: environ.Env) -> dict[str, str]:
    """Return the options of PostgreSQL's driver about TLS; raises ImproperlyConfigured where they cannot be met."""
    options = {}
    if text(env, "POSTGRES_SSLMODE", ""):
        options["sslmode"] = choice(env, "POSTGRES_SSLMODE", SSL_MODES, "prefer")
    if certificate := text(env, "POSTGRES_SSLROOTCERT", ""):
        if not Path(certificate).is_file():
            raise ImproperlyConfigured(f"POSTGRES_SSLROOTCERT={certificate!r} is not valid: there is no such file.")
        options["sslrootcert"] = certificate
    return options


def _sqlite(name: str, data_dir: Path) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": name,
        # A file, so that tests with several connections meet the locks that production has.
        "TEST": {"NAME": str(data_dir / "test.sqlite3")},
        "OPTIONS": {
            "timeout": 5,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
        },
    }
