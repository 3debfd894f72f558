"""The databases that cells begin with: migrated once, kept until a migration or a pinned package changes."""

import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from faults.servers import Postgres
from tests.services import postgres_binary

PROJECT_DIR = Path(__file__).resolve().parent.parent
CACHE = PROJECT_DIR / "var" / "faults"


class CannotMigrate(Exception):
    """The newest schema could not be made; the message holds the end of the output."""


def template(folder: Path, port: int) -> Path:
    """Return the data folder of a cluster with a migrated, empty database; ``folder`` is for making it.

    Raises:
        CannotMigrate, DidNotStart: It could not be made.
    """
    kept = CACHE / f"template-{_fingerprint()}"
    if not kept.exists():
        print("Migrating the database that every cell begins with; kept in var/faults for the next run", flush=True)
        began_at = time.monotonic()
        _keep(_made(folder, port), kept)
        print(f"Migrated in {time.monotonic() - began_at:.0f} s", flush=True)
    return kept


def sqlite_template(path: Path) -> Path:
    """Return a migrated, empty SQLite database; ``path`` is the one that this process is set up for.

    Raises:
        CannotMigrate: It could not be made.
    """
    kept = CACHE / f"template-sqlite-{_fingerprint()}"
    if not kept.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        _migrate(os.environ)
        _keep(path, kept)
    return kept


def _made(folder: Path, port: int) -> Path:
    # Servers run as a user of their own, who may not be let into the project's folder.
    home = folder / "template"
    home.mkdir()
    postgres = Postgres(home, port)
    postgres.start()
    try:
        where = ["-h", "127.0.0.1", "-p", str(port), "-U", "optimizer"]
        subprocess.run([postgres_binary("createdb"), *where, "optimizer"], check=True)
        _migrate(os.environ)
    finally:
        postgres.stop()
    return postgres.data


def _migrate(environment: Mapping[str, str]) -> None:
    command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    done = subprocess.run(command, env=dict(environment), cwd=PROJECT_DIR, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise CannotMigrate(f"migrate failed:\n{done.stderr[-3000:]}")


def _keep(made: Path, kept: Path) -> None:
    """Put it where the next run finds it, whole or not at all, and remove those of older schemas."""
    CACHE.mkdir(parents=True, exist_ok=True)
    for old in CACHE.glob("template-*"):
        if not old.name.endswith(_fingerprint()):
            subprocess.run(["rm", "-rf", str(old)], check=True)
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="being-made-") as name:
        copy = Path(name) / "data"
        # With its owner: PostgreSQL takes no folder of another's.
        subprocess.run(["cp", "-a", str(made), str(copy)], check=True)
        copy.rename(kept)


def _fingerprint() -> str:
    """Name what decides the schema: our migrations, the packages that bring others, and the server that wrote it."""
    version = subprocess.run([postgres_binary("postgres"), "--version"], capture_output=True, check=True).stdout
    digest = hashlib.sha256(version)
    for path in (PROJECT_DIR / "requirements.txt", *_migrations()):
        digest.update(path.relative_to(PROJECT_DIR).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _migrations() -> Iterator[Path]:
    yield from sorted(PROJECT_DIR.glob("*/migrations/*.py"))
