"""Counts and times the requests that this process has answered, for Prometheus."""

from http import HTTPMethod

from accounts.services import telemetry

CLIENT_GONE = 499
SERVER_ERROR = 500
UNMATCHED = "other"
_METHODS = frozenset(method.value for method in HTTPMethod)


def answered(endpoint: str, method: str, status: int, seconds: float) -> None:
    """Count one request.

    Args:
        endpoint: Its route, such as ``/feedback/{feedback_id}``; ``UNMATCHED`` where it has none.
        method: As the client wrote it.
        status: What it was answered; ``CLIENT_GONE`` where nobody was left to be answered.
        seconds: From its arrival to the end of the answer.
    """
    telemetry.observe("api_request_duration_seconds", seconds, endpoint=endpoint)
    code = str(status)
    known = method if method in _METHODS else UNMATCHED
    telemetry.count("api_requests_total", endpoint=endpoint, method=known, status=code)
    if status >= SERVER_ERROR:
        telemetry.count("api_errors_total", endpoint=endpoint, status=code)
