"""Reads docker-compose.yml as compose does, so that the drill runs the commands and the environment of that file."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_VARIABLE = re.compile(r"\$\$|\$\{([A-Z_]+)(?::([-?])([^}]*))?\}")


class MissingVariable(Exception):
    """The file asks for a variable that is not set; the message is the file's own."""


@dataclass(frozen=True)
class Service:
    """One service with its variables filled in."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    stop_signal: str
    stop_seconds: float


def services(path: Path, variables: Mapping[str, str]) -> dict[str, Service]:
    """Return the services of the file. Raises MissingVariable where one that is needed is not given."""
    document = yaml.safe_load(path.read_text())["services"]
    return {name: _service(name, filled(description, variables)) for name, description in document.items()}


def filled(value: Any, variables: Mapping[str, str]) -> Any:
    """Return the value with ``${NAME}``, ``${NAME:-default}`` and ``${NAME:?message}`` replaced in every text."""
    if isinstance(value, str):
        return _VARIABLE.sub(lambda found: _value(found, variables), value)
    if isinstance(value, list):
        return [filled(item, variables) for item in value]
    if isinstance(value, dict):
        return {key: filled(item, variables) for key, item in value.items()}
    return value


def _value(found: re.Match[str], variables: Mapping[str, str]) -> str:
    name, kind, text = found.groups()
    if name is None:
        return "$"
    if variables.get(name):
        return variables[name]
    if kind == "?":
        raise MissingVariable(f"{name}: {text}")
    return text or ""


def _service(name: str, description: Mapping[str, Any]) -> Service:
    command = description.get("command") or description.get("entrypoint") or []
    return Service(
        name=name,
        command=tuple(map(str, command)),
        environment={key: str(value) for key, value in description.get("environment", {}).items()},
        stop_signal=description.get("stop_signal", "SIGTERM"),
        stop_seconds=float(str(description.get("stop_grace_period", "10s")).removesuffix("s")),
    )
