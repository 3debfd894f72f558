"""Clocks that are wrong, in one process at a time; those that measure durations stay true.

By a library of our own: libfaketime, as Debian has it, makes Python's sleep fail.
"""

import shutil
import subprocess
from datetime import datetime
from pathlib import Path

from faults.servers import CannotHappenHere

_SOURCE = Path(__file__).with_name("wrong_clock.c")


def environment(folder: Path, file: Path, offset_seconds: int) -> dict[str, str]:
    """Return what a process needs in its environment to go by the clock in ``file``, which is set to begin with.

    Args:
        folder: Takes the library.

    Raises:
        CannotHappenHere: The library cannot be made here.
    """
    turn(file, offset_seconds)
    return {"LD_PRELOAD": str(_library(folder)), "WRONG_CLOCK": str(file)}


def turn(file: Path, offset_seconds: int) -> None:
    """Set a clock; its process follows within a fraction of a second."""
    file.write_text(f"{offset_seconds}\n")


def until(moment: datetime, now: datetime) -> int:
    """Return by how many seconds a clock is off that says ``moment``."""
    return round((moment - now).total_seconds())


def _library(folder: Path) -> Path:
    made = folder / "wrong_clock.so"
    if not made.exists():
        compiler = shutil.which("cc")
        if compiler is None:
            raise CannotHappenHere("there is no C compiler (cc) here, with which a wrong clock is made")
        subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", str(made), str(_SOURCE)], check=True)
    return made
