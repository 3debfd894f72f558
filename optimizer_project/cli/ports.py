"""Ports of this machine: whether one is free, and one that is."""

import asyncio
import errno
import random
import socket

from django.core.management.base import CommandError

# Linux hands out ports from 32768 on by itself: one found free there may be gone a moment later.
_CHOICES = range(20_000, 32_000)


def problem(host: str, port: int) -> str | None:
    """Say why a server could not listen there; None when it could."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return "is in use" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
    return None


def find_free() -> int:
    """Return a port on 127.0.0.1 that nothing listens on; raises CommandError when there is none."""
    for port in random.SystemRandom().sample(_CHOICES, 200):
        if problem("127.0.0.1", port) is None:
            return port
    raise CommandError("No free port was found between 20000 and 32000.")


async def wait_until_open(port: int) -> None:
    """Return once something accepts connections on 127.0.0.1."""
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return
