"""The one map from an error to its HTTP answer, for Django's views and the gateway alike.

``to_http`` says what an error means, ``openai_error_body`` and ``detail_body`` how each half of the API words it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import singledispatch
from typing import Any, Literal

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpResponse
from django.urls import Resolver404
from rest_framework import exceptions as drf
from rest_framework.response import Response
from rest_framework.views import set_rollback

from accounts.domain.features import FeatureDisabled
from accounts.services.features import UnknownFeature
from accounts.services.key_guesses import TooManyWrongKeys
from accounts.services.rate_limits import CountersUnavailable
from accounts.services.rollout import ReasonMissing, RolloutRefused, UnknownConfirmation
from experiments.domain.plan import InvalidPlan
from experiments.services.analyses import ExperimentBusy
from experiments.services.control import ExperimentNotRunning
from experiments.services.promotion import NothingToPromote
from experiments.services.strategies import InvalidStrategy
from feedback.services.limits import TooManyRatings
from feedback.services.ratings import UnknownRequest
from insights.selectors.findings import FindingNotFound, ReviewNotFound
from insights.services.action_kinds.kind import NotApplicable
from insights.services.actions import ActionNotFound
from insights.services.answers import FindingClosed, NothingToApply
from insights.services.reviews import ReviewInProgress
from learning.services.outcome_import import AlreadyImported, BadRows
from learning.services.run_lock import RetrainingInProgress
from learning.services.table_files import InvalidFile
from optimizer_project.renderers import dump_json
from routing.domain.canonical_json import TooDeeplyNested
from routing.domain.decision import NoEligibleModel
from routing.domain.policy import InvalidPolicy
from routing.domain.strategies import UnknownStrategy
from routing.domain.traffic_split import NamespaceFull
from routing.gateway.app import Overloaded
from routing.gateway.authentication import RateLimited, Unauthenticated
from routing.gateway.requests import InvalidRequest
from routing.services.assignments import UnitMissing
from routing.services.attempt_loop import AllAttemptsFailed
from routing.services.completion import BudgetExceeded
from routing.services.decisions import ModelNotFound, ModelUnpriced
from routing.services.feedback_tokens import InvalidFeedbackToken
from routing.services.idempotency import IdempotencyConflict, IdempotencyMismatch
from routing.services.pending_writes import StoreUnavailable
from routing.services.policies import PolicyNotFound, PolicyNotUsable
from routing.services.traffic_splits import SplitNotFound, SplitNotRunning

Place = Literal["body", "query"]
MAX_RETRY_AFTER_SECONDS = 3600

_OPENAI_TYPES = {
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    429: "rate_limit_error",
}
# The gateway's paths take nothing but POST; a body that is late may never end, so nothing can follow it.
_INVALID_REQUEST_HEADERS = {405: {"Allow": "POST, OPTIONS"}, 408: {"Connection": "close"}}


@dataclass(frozen=True, slots=True)
class Issue:
    """What is wrong with one value of the request; ``loc`` is the way to it, below the body or the query."""

    loc: tuple[str | int, ...]
    msg: str
    type: str


@dataclass(frozen=True, slots=True)
class ApiError:
    """An answer that is an error: ``code`` is a stable word, ``message`` is for people and names the cure."""

    status: int
    code: str
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)
    issues: tuple[Issue, ...] = ()
    param: str | None = None


def openai_error_body(error: ApiError) -> dict[str, Any]:
    """Word the error as the OpenAI API does, which is what callers of ``/v1/*`` understand."""
    default_type = "server_error" if error.status >= 500 else "invalid_request_error"
    return {
        "error": {
            "message": error.message,
            "type": _OPENAI_TYPES.get(error.status, default_type),
            "code": error.code,
            "param": error.param,
        }
    }


def detail_body(error: ApiError, place: Place = "body") -> dict[str, Any]:
    """Word the error as every path outside ``/v1/`` does; ``place`` is where the refused values stood."""
    if error.status == 422 and not error.issues:
        loc = [place] if error.param is None else [place, error.param]
        return {"detail": [{"loc": loc, "msg": error.message, "type": error.code}]}
    if not error.issues:
        return {"detail": error.message}
    return {"detail": [{"loc": [place, *issue.loc], "msg": issue.msg, "type": issue.type} for issue in error.issues]}


def body_for(path: str, error: ApiError, place: Place = "body") -> dict[str, Any]:
    """Return the error's body in the shape that callers of this path expect."""
    return openai_error_body(error) if path.startswith("/v1/") else detail_body(error, place)


def http_response(path: str, error: ApiError) -> HttpResponse:
    """Return the error as an answer of Django's own, for where no REST view is involved."""
    return HttpResponse(
        dump_json(body_for(path, error)), status=error.status, headers=error.headers, content_type="application/json"
    )


def exception_handler(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """Answer what a REST view raised; None leaves a fault of ours to Django, which logs it and answers 500."""
    answer = to_http(error)
    if answer.status == 500:
        return None
    set_rollback()
    request = context["request"]
    takes_query = request.method in ("GET", "HEAD") or getattr(context["view"], "takes_query", False)
    place: Place = "query" if takes_query else "body"
    return Response(body_for(request.path, answer, place), status=answer.status, headers=dict(answer.headers))


@singledispatch
def to_http(error: BaseException) -> ApiError:
    """Return the answer an error deserves; 500 with a neutral message for one that nobody expected."""
    return ApiError(500, "internal_error", "The server failed to answer this request. The failure has been logged.")


@dataclass(frozen=True, slots=True)
class _Plain:
    """The answer to an error that is worded for people where it is raised; ``retry_after`` in seconds."""

    status: int
    code: str
    param: str | None = None
    retry_after: int | None = None

    def __call__(self, error: BaseException) -> ApiError:
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        return ApiError(self.status, self.code, str(error), headers, param=self.param)


_PLAIN: Mapping[type[Exception], _Plain] = {
    # People switch it on again; asking every second would not make them faster.
    FeatureDisabled: _Plain(503, "feature_disabled", retry_after=60),
    UnknownFeature: _Plain(404, "feature_not_found"),
    RolloutRefused: _Plain(409, "rollout_refused"),
    ReasonMissing: _Plain(422, "reason_missing", param="reason"),
    UnknownConfirmation: _Plain(422, "unknown_confirmation", param="name"),
    ModelNotFound: _Plain(404, "model_not_found", param="model"),
    ModelUnpriced: _Plain(422, "model_unpriced", param="model"),
    UnknownStrategy: _Plain(422, "unknown_strategy", param="strategy"),
    InvalidPolicy: _Plain(422, "invalid_policy"),
    PolicyNotFound: _Plain(404, "policy_not_found"),
    PolicyNotUsable: _Plain(409, "policy_not_usable"),
    RetrainingInProgress: _Plain(409, "retraining_in_progress", retry_after=10),
    SplitNotFound: _Plain(404, "experiment_not_found", param="experiment_id"),
    SplitNotRunning: _Plain(409, "experiment_not_running", param="experiment_id"),
    InvalidPlan: _Plain(422, "invalid_experiment"),
    NamespaceFull: _Plain(409, "namespace_full", param="namespace"),
    ExperimentNotRunning: _Plain(409, "experiment_not_running"),
    ExperimentBusy: _Plain(409, "experiment_busy", retry_after=1),
    NothingToPromote: _Plain(409, "nothing_to_promote"),
    NotApplicable: _Plain(409, "action_not_applicable"),
    ActionNotFound: _Plain(404, "action_not_found"),
    ReviewInProgress: _Plain(409, "review_in_progress", retry_after=5),
    ReviewNotFound: _Plain(404, "review_not_found"),
    FindingNotFound: _Plain(404, "finding_not_found"),
    FindingClosed: _Plain(409, "finding_closed"),
    NothingToApply: _Plain(409, "nothing_to_apply", param="apply"),
    UnknownRequest: _Plain(404, "request_not_found", param="request_id"),
    BudgetExceeded: _Plain(402, "budget_exceeded"),
    IdempotencyMismatch: _Plain(422, "idempotency_key_reused", param="Idempotency-Key"),
    IdempotencyConflict: _Plain(409, "idempotency_conflict", retry_after=1),
    Overloaded: _Plain(503, "overloaded", retry_after=1),
    InvalidFile: _Plain(422, "invalid_file"),
    AlreadyImported: _Plain(409, "already_imported"),
}

for _kind, _answer in _PLAIN.items():
    to_http.register(_kind, _answer)


@to_http.register(OperationalError)
@to_http.register(InterfaceError)
@to_http.register(StoreUnavailable)
def _store_unavailable(error: Exception) -> ApiError:
    return ApiError(503, "store_unavailable", "The database does not answer. Try again shortly.", {"Retry-After": "1"})


@to_http.register
def _no_memory(error: MemoryError) -> ApiError:
    return ApiError(503, "overloaded", "The server is short of memory. Try again shortly.", {"Retry-After": "5"})


@to_http.register
def _no_eligible_model(error: NoEligibleModel) -> ApiError:
    if error.is_temporary:
        return ApiError(503, "no_available_model", str(error), {"Retry-After": "5"})
    return ApiError(422, "no_eligible_model", str(error))


@to_http.register
def _invalid_strategy(error: InvalidStrategy) -> ApiError:
    return ApiError(422, "invalid_experiment", str(error), param=error.field)


@to_http.register
def _unit_missing(error: UnitMissing) -> ApiError:
    return ApiError(400, f"{error.unit}_id_required", str(error), param=f"{error.unit}_id")


@to_http.register
def _all_attempts_failed(error: AllAttemptsFailed) -> ApiError:
    if error.http_status == 400:
        return ApiError(400, error.last.code, error.last.message)
    wait = {"Retry-After": str(round(min(max(error.retry_after or 1, 1), MAX_RETRY_AFTER_SECONDS)))}
    return ApiError(error.http_status, f"provider_{error.last.code}", str(error), wait)


@to_http.register
def _invalid_request(error: InvalidRequest) -> ApiError:
    return ApiError(
        error.status, error.code, error.message, _INVALID_REQUEST_HEADERS.get(error.status, {}), param=error.param
    )


@to_http.register
def _too_deeply_nested(error: TooDeeplyNested) -> ApiError:
    return ApiError(400, "invalid_json", "The body is nested too deeply.")


@to_http.register
def _no_counters(error: CountersUnavailable) -> ApiError:
    return ApiError(503, "store_unavailable", "Rate limits cannot be counted. Try again shortly.", {"Retry-After": "1"})


@to_http.register
def _unauthenticated(error: Unauthenticated) -> ApiError:
    return ApiError(401, "invalid_api_key", str(error), {"WWW-Authenticate": "Bearer"})


@to_http.register
def _rate_limited(error: RateLimited) -> ApiError:
    headers = {"Retry-After": str(error.retry_after_seconds), "x-ratelimit-limit-requests": str(error.limit)}
    return ApiError(429, "rate_limit_exceeded", str(error), headers)


@to_http.register
def _too_many_wrong_keys(error: TooManyWrongKeys) -> ApiError:
    return ApiError(429, "too_many_wrong_keys", str(error), {"Retry-After": str(error.retry_after_seconds)})


@to_http.register
def _too_many_ratings(error: TooManyRatings) -> ApiError:
    return ApiError(429, "rate_limit_exceeded", str(error), {"Retry-After": str(error.retry_after_seconds)})


@to_http.register
def _invalid_feedback_token(error: InvalidFeedbackToken) -> ApiError:
    return ApiError(401, "invalid_feedback_token", str(error), {"WWW-Authenticate": "Bearer"})


@to_http.register
def _bad_rows(error: BadRows) -> ApiError:
    issues = tuple(Issue(("line", found.line), found.message, "invalid_row") for found in error.report.errors)
    return ApiError(422, "invalid_rows", str(error), issues=issues)


@to_http.register
def _invalid(error: drf.ValidationError) -> ApiError:
    issues = tuple(_issues(error.detail))
    first = issues[0] if issues else Issue((), "The request is not valid.", "invalid")
    where = ".".join(str(part) for part in first.loc)
    return ApiError(
        422, "validation_error", f"{where}: {first.msg}" if where else first.msg, issues=issues, param=where or None
    )


@to_http.register
def _refused(error: drf.APIException) -> ApiError:
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(max(1, round(wait)))
    elif error.status_code == 503:
        headers["Retry-After"] = "1"
    codes = error.get_codes()
    code = codes if isinstance(codes, str) else error.default_code
    return ApiError(error.status_code, code, str(error.detail), headers)


@to_http.register
def _not_found(error: Http404) -> ApiError:
    message = str(error.args[0]) if error.args and not isinstance(error, Resolver404) else "Not found."
    return ApiError(404, "not_found", message)


@to_http.register
def _forbidden(error: PermissionDenied) -> ApiError:
    return ApiError(403, "permission_denied", str(error) or "You may not do this.")


@to_http.register
def _too_large(error: RequestDataTooBig) -> ApiError:
    return ApiError(413, "too_large", "The request body is too large.")


@to_http.register
def _suspicious(error: SuspiciousOperation) -> ApiError:
    return ApiError(400, "bad_request", "The request was refused: check its host name, headers and parameters.")


def _issues(detail: Any, loc: tuple[str | int, ...] = ()) -> Iterator[Issue]:
    """Flatten REST framework's nested messages."""
    if isinstance(detail, Mapping):
        for name, value in detail.items():
            yield from _issues(value, loc if name == "non_field_errors" else (*loc, name))
    elif isinstance(detail, list):
        for position, value in enumerate(detail):
            yield from _issues(value, loc if isinstance(value, str) else (*loc, position))
    else:
        yield Issue(loc, str(detail), getattr(detail, "code", "invalid"))
