"""What a process keeps of the memory that large requests took."""

import subprocess
import sys

# Fifty large blocks with a small one after each of them that stays, as a burst of long prompts leaves it.
BURST = """
import pathlib, resource, sys
from routing.services import process_memory

def taken():
    return int(pathlib.Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

told = process_memory.return_large_blocks() if sys.argv[1] == "told" else False
before = taken()
largest = b"x" * 8_000_000
del largest
blocks = [(b"x" * 1_000_000, b"y" * 50_000) for _ in range(50)]
stays = [small for _, small in blocks]
del blocks
print(told, taken() - before)
"""


def kept_bytes(how: str) -> tuple[str, int]:
    done = subprocess.run([sys.executable, "-c", BURST, how], capture_output=True, text=True, check=True)
    told, kept = done.stdout.split()
    return told, int(kept)


def test_memory_of_large_requests_goes_back_to_the_system() -> None:
    left_alone, told = kept_bytes("left alone"), kept_bytes("told")

    assert (left_alone[0], told[0]) == ("False", "True")
    assert told[1] < left_alone[1] / 10
