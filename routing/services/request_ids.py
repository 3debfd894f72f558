"""UUIDs of version 7 (RFC 9562, section 5.7): Unix milliseconds, then random bits, so that rows arrive in order."""

import random
import uuid
from datetime import datetime


def new(now: datetime) -> uuid.UUID:
    """Return a new id; unique, but no secret: what it names is protected by its team's key."""
    milliseconds = int(now.timestamp() * 1000)
    value = (milliseconds & 0xFFFF_FFFF_FFFF) << 80 | random.getrandbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    return uuid.UUID(int=value & ~(0b11 << 62) | 0b10 << 62)
