"""Keeps the memory of a process that runs for weeks near what it needs."""

import ctypes
import gc

# Containers made, less those freed; collections of the young; of the middle-aged. Connections that are cut leave cycles
# (protocol, transport, traceback) that are old within a minute. With 50 instead of 5, the old were looked at four times
# in an hour at 50 requests/s, and 50,000 dead objects were waiting for the next.
GC_THRESHOLDS = (20_000, 20, 5)
# glibc's number for the size from which a block is asked of the system, and goes back to it when it is freed.
_M_MMAP_THRESHOLD = -3
LARGE_BLOCK_BYTES = 256 * 1024


def return_large_blocks() -> bool:
    """Have large blocks go back to the system when they are freed; return whether this C library can be told to.

    Left to itself, glibc raises that size to the largest block freed so far, up to 32 MiB, and then keeps such blocks
    in the heap of each thread: a process that was once sent a few large bodies at the same time keeps their memory.
    """
    try:
        return bool(ctypes.CDLL("libc.so.6").mallopt(_M_MMAP_THRESHOLD, LARGE_BLOCK_BYTES))
    except (OSError, AttributeError):
        return False


def set_collector() -> None:
    """Leave what was loaded so far out of garbage collection, and set how often it looks at the rest."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
