"""Three cells of the matrix, in short, as `make faults` runs them: processes and servers of their own."""

import subprocess
import sys

import pytest
from django.conf import settings

from tests.server import inherited_environment

CELLS = ("B1", "C5", "D1")


@pytest.mark.timeout(400)
def test_cells_of_each_kind_hold() -> None:
    command = [sys.executable, "-m", "faults", "--quick", "--cell", *CELLS]
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
