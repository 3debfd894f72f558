"""Tells the apps above what became of work, which may not be imported from here."""

from django.dispatch import Signal

# Sent after each attempt of a job, with name, outcome ("succeeded", "failed" to be tried again, or "dead") and seconds.
run_ended = Signal()
