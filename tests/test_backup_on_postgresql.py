"""The scripts that back a database up and restore it, on a real PostgreSQL."""

import hashlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from accounts.services import teams
from tests.services import postgres_binary

pytestmark = pytest.mark.django_db(transaction=True)

SCRIPTS = Path(settings.BASE_DIR) / "scripts"
RESTORED = "restored_by_a_test"


def run(script: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    database = connection.settings_dict
    where = {"PGHOST": database["HOST"], "PGPORT": str(database["PORT"]), "PGUSER": database["USER"]}
    path = f"{Path(postgres_binary('pg_dump')).parent}:{os.environ['PATH']}"
    return subprocess.run(
        [SCRIPTS / script, *arguments],
        env={**where, "PATH": path, "PGDATABASE": database["NAME"], **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def no_restored_database() -> Iterator[None]:
    yield
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {RESTORED}")


def test_a_backup_is_restored_into_a_new_database_and_never_over_one(
    tmp_path: Path, no_restored_database: None
) -> None:
    teams.create(slug="kept")
    old = tmp_path / "optimizer-20200101T000000Z.dump"
    old.touch()
    os.utime(old, (time.time() - 15 * 86_400,) * 2)

    made = run("backup.sh", BACKUP_DIR=str(tmp_path))
    (backup,) = tmp_path.glob("*.dump")
    restored = run("restore.sh", str(backup), RESTORED)
    again = run("restore.sh", str(backup), RESTORED)

    assert (made.returncode, made.stderr) == (0, "")
    # The one of fifteen days ago is gone: fourteen are kept.
    assert f"Deleted {old}" in made.stdout
    assert backup.stat().st_mode & 0o077 == 0
    assert hashlib.sha256(backup.read_bytes()).hexdigest() in Path(f"{backup}.sha256").read_text()
    assert (restored.returncode, restored.stderr) == (0, "")
    assert "accounts_team 1\n" in restored.stdout
    assert again.returncode == 1
    assert f"The database {RESTORED} is not empty" in again.stderr


def test_a_damaged_backup_is_refused(tmp_path: Path) -> None:
    backup = tmp_path / "optimizer-20260101T000000Z.dump"
    backup.write_bytes(b"PGDMP, but not what it was")
    Path(f"{backup}.sha256").write_text(f"{'0' * 64}  {backup.name}\n")

    ended = run("restore.sh", str(backup), RESTORED)

    assert ended.returncode == 1
    assert "its checksum differs" in ended.stderr


def test_a_backup_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    ended = run("backup.sh", BACKUP_DIR=str(tmp_path), PGDATABASE="there_is_none")

    assert ended.returncode != 0
    assert "there_is_none" in ended.stderr
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]
