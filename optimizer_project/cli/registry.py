"""The subcommands of `manage.py optimizer`: one module each, listed here."""

import argparse
from typing import Protocol

from optimizer_project.cli import (
    alerts,
    apply,
    budget,
    calibrate,
    catalog,
    chat,
    decide,
    demo,
    doctor,
    experiments,
    export,
    features,
    feedback,
    health,
    insights,
    jobs,
    key,
    metrics,
    outcomes,
    prices,
    prune,
    reconcile,
    retrain,
    review,
    rollback,
    rollout,
    setup,
    start,
    stats,
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
    demo,
    status,
    health,
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
    stats,
    export,
    prune,
    retrain,
    train,
    rollback,
    trends,
    outcomes,
    calibrate,
    experiments,
    review,
    insights,
    apply,
    jobs,
    features,
    rollout,
    alerts,
    validate,
)
