"""This process's lease: while it is renewed, the rows it has open are believed to be worked on."""

import os
import socket
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings

from routing.models import GatewayInstance

LEASE_SECONDS = 30
RENEW_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Instance:
    id: uuid.UUID = field(default_factory=uuid.uuid4)


def renew(instance: Instance, now: datetime) -> None:
    """Extend the lease, creating it first if need be."""
    lease = now + timedelta(seconds=LEASE_SECONDS)
    if not GatewayInstance.objects.filter(id=instance.id).update(lease_expires_at=lease):
        GatewayInstance.objects.create(
            id=instance.id,
            host=socket.gethostname()[:200],
            pid=os.getpid(),
            version=settings.VERSION,
            started_at=now,
            lease_expires_at=lease,
        )


def end(instance: Instance, now: datetime) -> None:
    """Give the lease up: whatever this process still has open is anybody's to close."""
    GatewayInstance.objects.filter(id=instance.id).update(lease_expires_at=now)
