"""Keeps what was given up until somebody has decided about it."""

import logging
from datetime import datetime

from django.db import transaction

from jobs.models import DeadLetter, JobRun, OutboxMessage, Work
from jobs.services import clock, doorbell

logger = logging.getLogger(__name__)

MOST_CHARACTERS = 10_000
_OPEN = DeadLetter.objects.filter(outcome="")


class NothingToRetry(Exception):
    """The letter is a message that nobody can read, or the run is neither dead nor waiting to be tried again."""


class AlreadyDecided(Exception):
    """Somebody has decided about the letter before."""


def keep(work: Work, now: datetime) -> DeadLetter:
    """Record that work was given up; in the transaction that gives it up."""
    if isinstance(work, JobRun):
        letter = DeadLetter(kind=DeadLetter.Kind.JOB, name=work.name, run=work)
    else:
        assert isinstance(work, OutboxMessage)
        letter = DeadLetter(kind=DeadLetter.Kind.OUTBOX, name=work.handler, message=work)
    letter.reason, letter.died_at = work.error, now
    letter.save()
    logger.error("Given up after %d attempts: %s: %s", work.attempts, letter.name, letter.reason)
    return letter


def keep_message(*, name: str, reason: str, body: str) -> DeadLetter:
    """Record a message of the queue that could not be understood."""
    # Neither database stores NUL in a text.
    clean = (text.replace("\0", "\N{REPLACEMENT CHARACTER}") for text in (name, reason, body))
    name, reason, body = clean
    logger.error("Unreadable message for %s: %s", name[:200], reason[:500])
    return DeadLetter.objects.create(
        kind=DeadLetter.Kind.MESSAGE,
        name=name[:200],
        reason=reason[:2000],
        body=body[:MOST_CHARACTERS],
        died_at=clock.now(),
    )


def retry(letter: DeadLetter, *, actor: str) -> None:
    """Start the work anew, with all its attempts; raises NothingToRetry and AlreadyDecided."""
    work = letter.run or letter.message
    if work is None:
        raise NothingToRetry(f"Dead letter {letter.pk} is an unreadable message: dismiss it.")
    now = clock.now()
    with transaction.atomic():
        _decide(letter, DeadLetter.Outcome.RETRIED, actor, now)
        _queue(work, Work.State.DEAD, now, attempts=0)
    logger.info("%s is tried again, asked for by %s", letter.name, actor)


def retry_run(run: JobRun, *, actor: str) -> None:
    """Start a run anew that was given up, or at once one that waits for its next attempt; raises NothingToRetry."""
    letter = _OPEN.filter(run=run).first()
    if letter is not None:
        retry(letter, actor=actor)
        return
    with transaction.atomic():
        if not _queue(run, Work.State.FAILED, clock.now()):
            raise NothingToRetry(f"Run {run.pk} is {run.get_state_display()}: there is nothing to try again.")


def dismiss(letter: DeadLetter, *, actor: str) -> None:
    """Note that nothing will be done about it; raises AlreadyDecided."""
    _decide(letter, DeadLetter.Outcome.DISMISSED, actor, clock.now())


def _decide(letter: DeadLetter, outcome: DeadLetter.Outcome, actor: str, now: datetime) -> None:
    if not _OPEN.filter(pk=letter.pk).update(outcome=outcome, decided_at=now, decided_by=actor[:150]):
        raise AlreadyDecided(f"Dead letter {letter.pk} was decided about before.")


def _queue(work: Work, state: Work.State, now: datetime, **values: int) -> int:
    """Make work that is in a state due now; return 1, or 0 where it is in another by now."""
    rows = type(work)._default_manager.filter(pk=work.pk, state=state)
    changed = rows.update(state=Work.State.QUEUED, due_at=now, rung_at=None, finished_at=None, **values)
    doorbell.ring_on_commit(work)
    return changed
