"""A place to harm the product in, and the way for this process to ask its database past whatever is harmed."""

import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from faults.stack import SECRET_KEY
from tests.services import free_port


@dataclass(frozen=True, slots=True)
class Place:
    """A folder that goes when the run is over, the port that the database will have, and SQLite's file."""

    folder: Path
    port: int
    file: Path


@contextmanager
def made(prefix: str, *, on_sqlite: bool = False) -> Iterator[Place]:
    """Set Django up for the database that a run will have; its models can be imported from then on.

    A run that is told to end, by SIGTERM as by Ctrl-C, ends what it has started and cleans up.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix=prefix) as name:
        folder = Path(name)
        # The database runs as a user of its own.
        folder.chmod(0o755)
        place = Place(folder, free_port(), folder / "sqlite" / "optimizer.sqlite3")
        _set_up_django(place, on_sqlite=on_sqlite)
        yield place


def _set_up_django(place: Place, *, on_sqlite: bool) -> None:
    url = f"sqlite:///{place.file}" if on_sqlite else f"postgresql://optimizer@127.0.0.1:{place.port}/optimizer"
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "optimizer_project.settings",
        "ENVIRONMENT": "test",
        "SECRET_KEY": SECRET_KEY,
        "DATABASE_URL": url,
        "REDIS_URL": "",
        "DATA_DIR": str(place.folder / "data"),
        "DJANGO_ALLOW_ASYNC_UNSAFE": "true",
        "LOG_LEVEL": "ERROR",
    }
    import django

    django.setup()
