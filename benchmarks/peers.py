"""Installs the gateways we compare with, each in a folder of its own under var/bench/peers; never a dependency."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.programs import BENCH_DIR

LITELLM_VERSION = "1.106.2"
PORTKEY_VERSION = "1.15.2"
PY_SPY_VERSION = "0.4.3"
PEERS_DIR = BENCH_DIR / "peers"
INSTALL_SECONDS = 900


class CannotInstall(Exception):
    """A peer could not be installed; the message holds the reason the installer gave."""


def plain_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the few variables a program needs to run: none that would set up a provider, a proxy or a database."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "USER")
    return {name: os.environ[name] for name in kept if name in os.environ} | dict(extra or {})


def litellm(progress: Callable[[str], None]) -> Path:
    """Return the folder of LiteLLM's virtual environment, made on first use; raises CannotInstall."""
    return _virtual_environment("litellm", f"litellm[proxy]=={LITELLM_VERSION}", progress)


def py_spy(progress: Callable[[str], None]) -> Path:
    """Return the sampling profiler's executable, installed on first use; raises CannotInstall."""
    return _virtual_environment("py-spy", f"py-spy=={PY_SPY_VERSION}", progress) / "bin" / "py-spy"


def portkey(progress: Callable[[str], None]) -> Path:
    """Return the start script of Portkey's gateway, installed on first use; raises CannotInstall."""
    folder = PEERS_DIR / f"portkey-{PORTKEY_VERSION}"
    script = folder / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"
    if script.exists():
        return script
    npm = shutil.which("npm")
    if npm is None:
        raise CannotInstall("npm was not found: install Node.js 20 or newer.")
    progress(f"installing Portkey's gateway {PORTKEY_VERSION} into {folder} (about 10 s)")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text('{"private": true}\n')
    _run([npm, "install", "--no-audit", "--no-fund", f"@portkey-ai/gateway@{PORTKEY_VERSION}"], folder)
    return script


def _virtual_environment(name: str, requirement: str, progress: Callable[[str], None]) -> Path:
    folder = PEERS_DIR / f"{name}-{requirement.rpartition('=')[2]}"
    is_complete = folder / "installed"
    if not is_complete.exists():
        progress(f"installing {requirement} into {folder} (about a minute)")
        _run([sys.executable, "-m", "venv", "--clear", str(folder)], None)
        _run([str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", requirement], None)
        is_complete.touch()
    return folder


def _run(command: Sequence[str], cwd: Path | None) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise CannotInstall(f"{command[0]} did not end within {INSTALL_SECONDS} s.") from error
    if done.returncode != 0:
        last_lines = "\n".join(done.stderr.strip().splitlines()[-5:])
        raise CannotInstall(f"{' '.join(command)} failed; is the package registry reachable?\n{last_lines}")
