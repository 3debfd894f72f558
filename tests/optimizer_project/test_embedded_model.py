import subprocess
import sys
from pathlib import Path

from django.conf import settings


def run(module_arguments: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *module_arguments],
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_missing_file_is_told_with_the_cure(tmp_path: Path) -> None:
    model = tmp_path / "none.gguf"
    ended = run(["-m", "optimizer_project.embedded_model", "--port", "1", "--model", str(model)])
    assert ended.returncode == 1
    assert ended.stderr == f"There is no model at {model}. Fetch it with: make setup\n"


def test_file_that_is_no_model_ends_with_an_error(tmp_path: Path) -> None:
    model = tmp_path / "junk.gguf"
    model.write_bytes(b"this is no model")
    ended = run(["-m", "optimizer_project.embedded_model", "--port", "1", "--model", str(model)])
    assert ended.returncode == 1
    assert "The model server could not start" in ended.stderr
