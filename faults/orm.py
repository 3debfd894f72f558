"""Lets this process ask the database of a stack through the ORM, past whatever is harmed."""

import os
from pathlib import Path

from faults.stack import SECRET_KEY


def set_up(port: int, folder: Path, *, file: Path | None = None) -> None:
    """Set Django up for the database on a port, or SQLite's in a file; its models can be imported from then on."""
    url = f"sqlite:///{file}" if file else f"postgresql://optimizer@127.0.0.1:{port}/optimizer"
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "optimizer_project.settings",
        "ENVIRONMENT": "test",
        "SECRET_KEY": SECRET_KEY,
        "DATABASE_URL": url,
        "REDIS_URL": "",
        "DATA_DIR": str(folder / "data"),
        "DJANGO_ALLOW_ASYNC_UNSAFE": "true",
        "LOG_LEVEL": "ERROR",
    }
    import django

    django.setup()
