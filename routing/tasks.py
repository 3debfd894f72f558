"""Scheduled work: each task calls one service and may safely run twice."""

from dataclasses import asdict
from typing import Any

from jobs.decorators import job, pulse
from routing.services import database_clock, prices, reconciler, retention, rollups


@job
def refresh_prices() -> dict[str, Any]:
    return asdict(prices.refresh_prices(now=database_clock.now()))


@job
def delete_expired() -> dict[str, int]:
    return asdict(retention.delete_expired(now=database_clock.now()))


@pulse
def reconcile_ledger() -> None:
    reconciler.close_orphans()


@pulse
def roll_up_usage() -> None:
    rollups.roll(now=database_clock.now())
