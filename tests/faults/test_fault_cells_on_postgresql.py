"""Ten cells of the matrix, one of each kind, in passing: on servers and processes of their own that they share."""

import subprocess
import sys

import pytest
from django.conf import settings

from tests.server import inherited_environment

# Database, Redis, providers (two), clients, a process killed, clocks, files, ratings, tenants.
CELLS = ("A3b", "B1", "C5", "C7", "D1", "D3b", "E7", "E8a", "F2", "G2")


@pytest.mark.timeout(400)
def test_a_cell_of_each_kind_holds() -> None:
    command = [sys.executable, "-m", "faults", "--together", "--cell", *CELLS]
    done = subprocess.run(
        command,
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
        env=inherited_environment(),
        timeout=390,
    )

    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert f"{len(CELLS)} runs of {len(CELLS)} cells, 0 with violations" in done.stdout
