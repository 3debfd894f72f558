"""Files that are there whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from django.core.management.base import CommandError


@contextmanager
def written(path: Path, *, overwrites: bool) -> Iterator[IO[str]]:
    """Open a file to write text to; it has its name once all of it is on the disk, and is for its owner only.

    Raises:
        CommandError: It is there already and ``overwrites`` is false, or cannot be written.
    """
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        part = Path(name)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            # A second name is refused where the first is taken, also when it was taken a moment ago.
            part.replace(path) if overwrites else path.hardlink_to(part)
        finally:
            part.unlink(missing_ok=True)
    except FileExistsError as error:
        raise CommandError(f"{path} is there already. Choose another name, or overwrite it with --force.") from error
    except OSError as error:
        raise CommandError(
            f"{path} cannot be written: {error.strerror or error}. Name a file in a folder that can."
        ) from error
