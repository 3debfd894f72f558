"""The subcommands of `manage.py optimizer`: one module each, listed here."""

import argparse
from typing import Protocol

from optimizer_project.cli import (
    alerts,
    budget,
    calibrate,
    catalog,
    chat,
    decide,
    doctor,
    experiments,
    features,
    feedback,
    insights,
    jobs,
    key,
    metrics,
    outcomes,
    prices,
    reconcile,
    retrain,
    review,
    rollback,
    rollout,
    setup,
    start,
    status,
    team,
    train,
    trends,
    validate,
)
from optimizer_project.cli.console import Console


class Subcommand(Protocol):
    """What each module offers; ``run`` raises CommandError with the cure when it fails."""

    @property
    def NAME(self) -> str: ...

    @property
    def HELP(self) -> str: ...

    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, options: argparse.Namespace, console: Console) -> None: ...


SUBCOMMANDS: tuple[Subcommand, ...] = (
    start,
    setup,
    doctor,
    status,
    chat,
    decide,
    feedback,
    team,
    key,
    budget,
    prices,
    catalog,
    reconcile,
    metrics,
    retrain,
    train,
    rollback,
    trends,
    outcomes,
    calibrate,
    experiments,
    review,
    insights,
    jobs,
    features,
    rollout,
    alerts,
    validate,
)
