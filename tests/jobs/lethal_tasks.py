"""Jobs for a worker of the tests alone."""

import os
import signal

from jobs.decorators import job
from jobs.models import JobRun


@job
def die_once() -> dict[str, str]:
    """Kill the process at the first attempt, as the kernel does when memory runs out."""
    if JobRun.objects.get(name=die_once.name).attempts == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"by": "another process"}


@job
def live() -> dict[str, str]:
    return {"by": "the worker"}
