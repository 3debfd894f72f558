"""Asks the team's own grader over HTTP: POST {prompt, answer, model, reference, task} -> {"quality": 0..1}.

It is called at the hosts that the installation allows and nowhere else, redirects are not followed, and what it answers
is bounded and read for one number.
"""

from collections.abc import Sequence

import orjson
from django.conf import settings

from learning.services import http_exchange
from learning.services.graders.base import Context, Grade, GradedAnswer, Grader, GradingFailed, InvalidGrader
from learning.services.graders.references import References

NAME = "http"
TIMEOUT_SECONDS = 60.0
MAX_ANSWER_BYTES = 64 * 1024
TRIES = 2


class HttpGrader:
    """Calls ``url`` for each answer, once more where it did not answer or failed (5xx)."""

    def __init__(self, url: str, references: References) -> None:
        self._url = url
        self._references = references

    def grade(self, given: GradedAnswer) -> Grade:
        body = orjson.dumps(
            {
                "prompt": given.prompt,
                "answer": given.answer.encode("utf-8", "replace").decode(),
                "model": given.model,
                "reference": self._references.get(given.request_id, given.prompt),
                "task": given.task,
            }
        )
        for _ in range(TRIES - 1):
            try:
                return self._once(body)
            except GradingFailed as error:
                if error.code == "grader_refused":
                    raise
        return self._once(body)

    def _once(self, body: bytes) -> Grade:
        try:
            answer = http_exchange.post(
                self._url, body=body, headers={}, timeout_seconds=TIMEOUT_SECONDS, max_answer_bytes=MAX_ANSWER_BYTES
            )
        except (http_exchange.NoAnswer, http_exchange.InvalidUrl) as error:
            raise GradingFailed("grader_away", f"The grader does not answer: {error}") from error
        if answer.status >= 500:
            raise GradingFailed("grader_failed", f"The grader answered {answer.status}.")
        if answer.status != 200:
            raise GradingFailed("grader_refused", f"The grader answered {answer.status}.")
        return Grade(_quality(answer.body))


def build(context: Context) -> Grader:
    """Return the grader; raises InvalidGrader for an address that is not allowed."""
    url = str(context.settings.get("url", ""))
    check_url(url, settings.CALIBRATION_GRADER_HOSTS)
    return HttpGrader(url, context.references)


def check_url(url: str, allowed_hosts: Sequence[str]) -> None:
    """Raise InvalidGrader unless the address is HTTP, on one of the hosts."""
    try:
        host = http_exchange.host_of(url)
    except http_exchange.InvalidUrl as error:
        raise InvalidGrader(str(error)) from error
    if host not in {name.lower().strip("[]") for name in allowed_hosts}:
        raise InvalidGrader(
            f"The grader's host {host!r} is not allowed: add it to CALIBRATION_GRADER_HOSTS, which allows "
            f"{', '.join(allowed_hosts)}."
        )


def _quality(body: bytes) -> float:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise GradingFailed("grader_refused", "The grader's answer is not JSON.") from error
    quality = document.get("quality") if isinstance(document, dict) else None
    if isinstance(quality, bool) or not isinstance(quality, int | float) or not 0 <= quality <= 1:
        raise GradingFailed("grader_refused", 'The grader\'s answer has no "quality" from 0 to 1.')
    return float(quality)
