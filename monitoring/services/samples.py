"""Notes once a minute what the processes have counted, because counters alone do not say when."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from operator import add

from accounts.services import telemetry, telemetry_files
from accounts.services.telemetry_files import Tally
from monitoring.models import CounterSample

# Longer than the longest window of the rules that read samples.
KEPT = timedelta(hours=25)
_STATUS_AT = 2
# What a feature answers that is off; no fault.
_OFF = "503"
# The ledger knows these better, and of all machines; but not those that were refused because it could not be written.
_IN_LEDGER = ("/v1/chat/completions", "/complete")


def take(*, now: datetime) -> CounterSample:
    """Note what the processes of this machine have counted so far, and forget what is no longer looked at."""
    CounterSample.objects.filter(taken_at__lt=now - KEPT).delete()
    figures = _figures(telemetry_files.read(telemetry.own.directory))
    return CounterSample.objects.update_or_create(taken_at=now, defaults={"figures": figures})[0]


def _figures(tallies: Iterable[Tally]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for tally in tallies:
        if (name_of := _NAMES.get(tally.name)) is None:
            continue
        for name in name_of(tally):
            numbers = list(tally.numbers)
            found[name] = list(map(add, found[name], numbers)) if name in found else numbers
    return found


def _endpoint(tally: Tally) -> Iterable[str]:
    status = tally.labels[_STATUS_AT]
    if tally.labels[0].rstrip("/") in _IN_LEDGER:
        return () if status < "500" else ("completion_errors",)
    if status < "500":
        return ("endpoint_requests",)
    return ("endpoint_requests", "endpoint_errors", *(() if status == _OFF else ("endpoint_faults",)))


def _endpoint_seconds(tally: Tally) -> Iterable[str]:
    return () if tally.labels[0].rstrip("/") in _IN_LEDGER else ("endpoint_seconds",)


_NAMES: Mapping[str, Callable[[Tally], Iterable[str]]] = {
    "insights_cache_lookups_total": lambda tally: (f"insights_cache_{tally.labels[0]}",),
    "api_requests_total": _endpoint,
    "api_request_duration_seconds": _endpoint_seconds,
    "learning_update_duration_seconds": lambda tally: ("learning_update_seconds",),
}
