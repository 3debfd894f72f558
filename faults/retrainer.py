"""Retrains in children that are killed: ``python -m faults.retrainer`` reads a number of seconds a line.

Started once and forked for each line, so that the moment of the kill is one of the retraining and not of its start.
"""

import json
import os
import signal
import sys
import time


def main() -> None:
    """Set up, say so, and retrain once for each line, killing what takes longer than the line says."""
    import django

    django.setup()
    from django.db import connections

    from learning.services import retraining

    assert retraining, "loaded before the first fork"
    print("ready", flush=True)
    for line in sys.stdin:
        connections.close_all()
        began_at = time.monotonic()
        child = os.fork()
        if child == 0:
            _retrain()
        is_killed = _kill_after(child, began_at + float(line))
        print(json.dumps({"is_killed": is_killed, "seconds": time.monotonic() - began_at}), flush=True)


def _retrain() -> None:
    from learning.models import RetrainingRun
    from learning.services import retraining
    from routing.services import database_clock

    database_clock.synchronize()
    retraining.retrain(
        team=None,
        trigger=RetrainingRun.Trigger.COMMAND,
        actor="faults",
        dry_run=False,
        now=database_clock.now(),
    )
    os._exit(0)


def _kill_after(child: int, deadline: float) -> bool:
    while time.monotonic() < deadline:
        if os.waitpid(child, os.WNOHANG)[0]:
            return False
        time.sleep(0.0005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return True


if __name__ == "__main__":
    main()
