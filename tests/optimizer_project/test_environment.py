import re
from pathlib import Path
from typing import Any

import environ
import pytest
from django.core.exceptions import ImproperlyConfigured

from optimizer_project import environment

env = environ.Env()


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "DATABASE_URL",
        "DATABASE_REPLICA_URL",
        "POSTGRES_HOST",
        "POSTGRES_PORT",
        "POSTGRES_PASSWORD",
        "DB_PASSWORD",
        "REDIS_URL",
        "POSTGRES_SSLMODE",
        "POSTGRES_SSLROOTCERT",
    ):
        monkeypatch.delenv(name, raising=False)


def test_word_outside_the_choices_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVIRONMENT", "staging")
    with pytest.raises(ImproperlyConfigured, match=r"ENVIRONMENT='staging' .*development, test, production"):
        environment.choice(env, "ENVIRONMENT", environment.ENVIRONMENTS, "development")


@pytest.mark.parametrize(("text", "value"), [("1", True), ("TRUE", True), ("on", True), ("no", False), ("", False)])
def test_boolean_words_are_understood(monkeypatch: pytest.MonkeyPatch, text: str, value: bool) -> None:
    monkeypatch.setenv("DEBUG", text)
    assert environment.boolean(env, "DEBUG", False) is value


def test_other_word_is_no_boolean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEBUG", "maybe")
    with pytest.raises(ImproperlyConfigured, match=r"DEBUG='maybe'.*use true or false"):
        environment.boolean(env, "DEBUG", False)


@pytest.mark.parametrize("text", ["0", "601", "-1", "1.5", "ten", "٣"])
def test_number_out_of_bounds_or_no_number_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("GATEWAY_BODY_SECONDS", text)
    with pytest.raises(ImproperlyConfigured, match=r"GATEWAY_BODY_SECONDS=.*from 1 to 600"):
        environment.integer(env, "GATEWAY_BODY_SECONDS", 15, 1, 600)


@pytest.mark.parametrize(("text", "value"), [("1", 1), ("600", 600)])
def test_bounds_themselves_are_allowed(monkeypatch: pytest.MonkeyPatch, text: str, value: int) -> None:
    monkeypatch.setenv("GATEWAY_BODY_SECONDS", text)
    assert environment.integer(env, "GATEWAY_BODY_SECONDS", 15, 1, 600) == value


def test_secret_key_is_made_once_and_kept_private(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SECRET_KEY", raising=False)
    made = environment.secret_key(env, tmp_path, is_production=False)
    assert len(made) >= 50
    assert environment.secret_key(env, tmp_path, is_production=False) == made
    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600


def test_short_secret_key_is_refused_in_production(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SECRET_KEY", "x" * 49)
    with pytest.raises(ImproperlyConfigured, match="SECRET_KEY must be set to at least 50"):
        environment.secret_key(env, tmp_path, is_production=True)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("DATABASE_URL", "mysql://u:p@host/name", "DATABASE_URL has the scheme 'mysql'"),
        ("DATABASE_URL", "postgresql://u:p@host", "DATABASE_URL names no database"),
    ],
)
def test_database_that_cannot_be_used_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ImproperlyConfigured, match=re.escape(message)):
        environment.database(env, tmp_path)


def test_database_without_any_variable_is_sqlite_in_the_data_directory(tmp_path: Path) -> None:
    settings = environment.database(env, tmp_path / "data")
    assert settings["ENGINE"] == "django.db.backends.sqlite3"
    assert settings["NAME"] == str(tmp_path / "data" / "optimizer.sqlite3")


def test_connections_are_protected_as_asked_and_the_url_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    certificate = tmp_path / "ca.crt"
    certificate.touch()
    monkeypatch.setenv("POSTGRES_SSLMODE", "verify-full")
    monkeypatch.setenv("POSTGRES_SSLROOTCERT", str(certificate))
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:p@host/name")
    options = environment.database(env, tmp_path)["OPTIONS"]
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:p@host/name?sslmode=require")
    of_the_url = environment.database(env, tmp_path)["OPTIONS"]

    assert (options["sslmode"], options["sslrootcert"]) == ("verify-full", str(certificate))
    assert of_the_url["sslmode"] == "require"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("POSTGRES_SSLMODE", "on", "POSTGRES_SSLMODE='on' .*verify-full"),
        ("POSTGRES_SSLROOTCERT", "/nowhere/ca.crt", "POSTGRES_SSLROOTCERT='/nowhere/ca.crt' .*no such file"),
    ],
)
def test_protection_that_cannot_be_had_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:p@host/name")
    monkeypatch.setenv(name, value)
    with pytest.raises(ImproperlyConfigured, match=message):
        environment.database(env, tmp_path)


def test_postgres_parts_make_one_address(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("POSTGRES_HOST", "db.example.com")
    monkeypatch.setenv("DB_PASSWORD", "p@ss/word")
    settings = environment.database(env, tmp_path)
    assert (settings["HOST"], settings["PORT"], settings["NAME"]) == ("db.example.com", 5432, "optimizer")
    assert (settings["USER"], settings["PASSWORD"]) == ("optimizer", "p@ss/word")


def test_redis_of_another_scheme_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "http://host:6379")
    with pytest.raises(ImproperlyConfigured, match="REDIS_URL is not valid"):
        environment.redis_url(env)


def test_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_BODY_SECONDS", "")
    monkeypatch.setenv("ALLOWED_HOSTS", " ")
    env = environ.Env()
    assert environment.integer(env, "GATEWAY_BODY_SECONDS", 15, 1, 600) == 15
    assert environment.words(env, "ALLOWED_HOSTS", ["localhost"]) == ["localhost"]


def test_networks_are_read_from_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METRICS_ALLOWED_NETWORKS", "10.0.0.0/8, ::1/128")
    found = environment.networks(env, "METRICS_ALLOWED_NETWORKS", [])
    assert [str(network) for network in found] == ["10.0.0.0/8", "::1/128"]
    monkeypatch.setenv("METRICS_ALLOWED_NETWORKS", "10.0.0.1/8")
    with pytest.raises(ImproperlyConfigured, match=r"METRICS_ALLOWED_NETWORKS is not valid: use networks such as"):
        environment.networks(env, "METRICS_ALLOWED_NETWORKS", [])


ORIGINAL = "postgresql://optimizer:secret@db.example.com/optimizer"


def replica_of(original: str, named: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any] | None:
    monkeypatch.setenv("DATABASE_URL", original)
    monkeypatch.setenv("DATABASE_REPLICA_URL", named)
    return environment.replica(env, environment.database(env, tmp_path))


def test_replica_is_only_read_from_and_no_question_takes_it_long(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    named = "postgresql://reader:secret@replica.example.com:5433/optimizer?options=-c%20work_mem%3D64MB"
    found = replica_of(ORIGINAL, named, monkeypatch, tmp_path)

    assert found is not None
    assert (found["HOST"], found["PORT"], found["USER"], found["NAME"]) == (
        "replica.example.com",
        5433,
        "reader",
        "optimizer",
    )
    assert found["OPTIONS"]["options"] == (
        "-c work_mem=64MB -c default_transaction_read_only=on -c statement_timeout=15000"
    )
    assert found["OPTIONS"]["connect_timeout"] == 2


@pytest.mark.parametrize(
    ("original", "named", "message"),
    [
        ("", "postgresql://replica.example.com/optimizer", r"DATABASE_REPLICA_URL is refused with SQLite.*leave"),
        (ORIGINAL, "sqlite:///copy.sqlite3", r"DATABASE_REPLICA_URL is not valid: use postgresql://"),
        (ORIGINAL, "replica.example.com", r"DATABASE_REPLICA_URL is not valid: use postgresql://"),
        (ORIGINAL, "postgresql://replica.example.com", r"DATABASE_REPLICA_URL names no database: use postgresql://"),
        (ORIGINAL, "postgresql://other@db.example.com:5432/optimizer", r"names the database itself: name its replica"),
    ],
)
def test_what_can_be_no_replica_is_refused_with_the_cure(
    original: str, named: str, message: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(ImproperlyConfigured, match=message):
        replica_of(original, named, monkeypatch, tmp_path)


def test_without_a_name_there_is_no_replica(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert replica_of(ORIGINAL, " ", monkeypatch, tmp_path) is None
