"""Records of what staff did in the admin: who, to what, and why."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.db import transaction
from django.db.models import Model


@contextmanager
def recorded(*, user_id: int | None, row: Model, what: str) -> Iterator[None]:
    """Do what the block does and record it, both or neither."""
    with transaction.atomic():
        yield
        record(user_id=user_id, row=row, what=what)


def record(*, user_id: int | None, row: Model, what: str, is_new: bool = False) -> LogEntry:
    """Record one thing that a user did to a row, in words; the admin's history of the row shows it."""
    assert user_id is not None, "nobody does something in the admin without being logged in"
    flag = ADDITION if is_new else CHANGE
    made: LogEntry = LogEntry.objects.log_actions(user_id, [row], flag, change_message=what, single_object=True)
    return made
