"""What is sent to people about an alert."""

from dataclasses import dataclass
from typing import Literal

from monitoring.domain.alerting import Severity

Event = Literal["firing", "resolved", "notice", "test"]


@dataclass(frozen=True, slots=True)
class Message:
    """One message; ``incident`` is the same for an alert's beginning and its end: a pager closes what it opened.

    The title alone says what it is about: some channels show no more.
    """

    title: str
    body: str
    severity: Severity
    event: Event
    incident: str


def title(event: Event, severity: Severity, about: str, subject: str) -> str:
    """Return the first line: what happened, how bad it is, and to what."""
    word = "resolved" if event == "resolved" else severity.value
    return f"[{word}] {about}" + (f" ({subject})" if subject else "")


def body(text: str, *, value: float | None, threshold: float | None) -> str:
    """Return the text, with the value and its threshold where there is one."""
    if value is None or threshold is None:
        return text
    measured = f"Measured {value:.4g}, the threshold is {threshold:.4g}."
    return f"{text}\n{measured}" if text else measured
