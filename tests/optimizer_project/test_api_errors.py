import json
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404
from django.test import RequestFactory
from django.urls import Resolver404
from rest_framework import exceptions as drf
from rest_framework import serializers

from accounts.serializers import StrictSerializer
from optimizer_project import api_errors, error_views
from routing.domain.decision import NoEligibleModel
from routing.domain.strategies import UnknownStrategy
from routing.providers.base import ProviderError
from routing.services.attempt_loop import AllAttemptsFailed


class Inner(StrictSerializer[Any]):
    score = serializers.IntegerField(min_value=1, max_value=5)


class Outer(StrictSerializer[Any]):
    name = serializers.CharField()
    marks = Inner(many=True, required=False)

    def validate(self, values):
        if values["name"] == "nobody":
            raise serializers.ValidationError("Somebody must be named.", code="nobody")
        return values


def failure_of(code: str, **fields) -> AllAttemptsFailed:
    return AllAttemptsFailed(ProviderError(code, "said no", retryable=True, fallback=True, sent="yes", **fields), 2)


def refusal_of(data) -> api_errors.ApiError:
    serializer = Outer(data=data)
    with pytest.raises(drf.ValidationError) as caught:
        serializer.is_valid(raise_exception=True)
    return api_errors.to_http(caught.value)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (NoEligibleModel("none fits"), 422, "no_eligible_model"),
        (NoEligibleModel("none is up", is_temporary=True), 503, "no_available_model"),
        (UnknownStrategy("coin-toss"), 422, "unknown_strategy"),
        (OperationalError("server closed the connection at 10.0.0.7"), 503, "store_unavailable"),
        (InterfaceError("connection already closed"), 503, "store_unavailable"),
        (failure_of("timeout"), 503, "provider_timeout"),
        (failure_of("authentication", status=401), 503, "provider_authentication"),
        (failure_of("rate_limited", status=429), 429, "provider_rate_limited"),
        (failure_of("bad_request", status=400), 400, "bad_request"),
        (drf.NotAuthenticated(), 401, "not_authenticated"),
        (drf.PermissionDenied(), 403, "permission_denied"),
        (drf.MethodNotAllowed("PUT"), 405, "method_not_allowed"),
        (drf.UnsupportedMediaType("text/plain"), 415, "unsupported_media_type"),
        (PermissionDenied(), 403, "permission_denied"),
        (Http404("Experiment not found"), 404, "not_found"),
        (MemoryError(), 503, "overloaded"),
        (ZeroDivisionError("secret"), 500, "internal_error"),
    ],
)
def test_each_error_has_one_answer(error, status, code):
    answer = api_errors.to_http(error)

    assert (answer.status, answer.code) == (status, code)


@pytest.mark.parametrize("error", [OperationalError("at 10.0.0.7"), ZeroDivisionError("secret")])
def test_an_answer_to_a_fault_of_ours_reveals_nothing(error):
    answer = api_errors.to_http(error)

    assert "10.0.0.7" not in answer.message
    assert "secret" not in answer.message


@pytest.mark.parametrize(
    "error",
    [OperationalError(), NoEligibleModel("x", is_temporary=True), failure_of("connect"), failure_of("rate_limited")],
)
def test_whoever_should_try_again_is_told_when(error):
    assert api_errors.to_http(error).headers["Retry-After"].isdecimal()


@pytest.mark.parametrize(
    ("given", "said"), [(0.2, "1"), (-5, "1"), (17.4, "17"), (1e12, "3600"), (float("inf"), "3600"), (None, "1")]
)
def test_the_wait_a_provider_asks_for_is_passed_on_within_bounds(given, said):
    assert api_errors.to_http(failure_of("rate_limited", retry_after=given)).headers["Retry-After"] == said


def test_openai_callers_get_the_shape_of_openai():
    body = api_errors.body_for("/v1/models/x", api_errors.to_http(UnknownStrategy("coin-toss")))

    assert body == {
        "error": {
            "message": "Unknown strategy 'coin-toss'; use one of: complexity, learning, hybrid.",
            "type": "invalid_request_error",
            "code": "unknown_strategy",
            "param": "strategy",
        }
    }


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (402, "insufficient_quota"),
        (403, "permission_error"),
        (429, "rate_limit_error"),
        (503, "server_error"),
    ],
)
def test_the_type_of_an_openai_error_follows_its_status(status, kind):
    assert api_errors.openai_error_body(api_errors.ApiError(status, "c", "m"))["error"]["type"] == kind


def test_everybody_else_gets_a_detail():
    assert api_errors.body_for("/stats", api_errors.to_http(Http404())) == {"detail": "Not found."}


def test_validation_errors_name_the_way_to_each_value():
    answer = refusal_of({"marks": [{"score": 3}, {"score": 6}]})

    assert answer.status == 422
    assert api_errors.detail_body(answer) == {
        "detail": [
            {"loc": ["body", "name"], "msg": "This field is required.", "type": "required"},
            {
                "loc": ["body", "marks", 1, "score"],
                "msg": "Ensure this value is less than or equal to 5.",
                "type": "max_value",
            },
        ]
    }
    assert api_errors.openai_error_body(answer)["error"]["param"] == "name"


def test_an_unknown_field_is_an_error_at_every_depth():
    top = api_errors.detail_body(refusal_of({"name": "Ada", "nmae": "Ada"}))
    deep = api_errors.detail_body(refusal_of({"name": "Ada", "marks": [{"score": 1, "scroe": 2}]}))

    assert top == {
        "detail": [
            {"loc": ["body", "nmae"], "msg": "Unknown field: use one of name, marks.", "type": "unknown_field"},
        ]
    }
    assert deep["detail"][0]["loc"] == ["body", "marks", 0, "scroe"]


@pytest.mark.parametrize("data", [[], "text", 5, None])
def test_a_body_that_is_no_object_is_refused(data):
    serializer = Outer(data=data)

    assert not serializer.is_valid()


def test_an_error_of_the_whole_body_has_no_field():
    assert api_errors.detail_body(refusal_of({"name": "nobody"})) == {
        "detail": [{"loc": ["body"], "msg": "Somebody must be named.", "type": "nobody"}]
    }


def test_a_fault_of_ours_is_left_to_django_which_logs_it():
    request = RequestFactory().get("/stats")

    assert api_errors.exception_handler(ZeroDivisionError(), {"request": request}) is None


@pytest.mark.django_db
def test_a_store_that_is_away_is_answered_503_and_never_401():
    request = RequestFactory().get("/stats")

    answer = api_errors.exception_handler(OperationalError(), {"request": request})

    assert answer is not None
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")


def test_an_unexpected_failure_is_json_for_programs_and_a_page_for_people_in_the_admin():
    program = error_views.server_error(RequestFactory().get("/v1/models"))
    person = error_views.server_error(RequestFactory().get("/admin/x", headers={"accept": "text/html,*/*;q=0.8"}))

    assert json.loads(program.content)["error"]["code"] == "internal_error"
    assert program.status_code == 500
    assert (person.status_code, person.headers["Content-Type"]) == (500, "text/html; charset=utf-8")


def test_a_store_that_fails_outside_any_view_is_answered_503():
    request = RequestFactory().get("/docs")
    try:
        raise OperationalError("no route to 10.0.0.7")
    except OperationalError:
        answer = error_views.server_error(request)

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")


def test_a_path_that_does_not_exist_does_not_list_those_that_do():
    answer = error_views.page_not_found(RequestFactory().get("/nope"), Resolver404({"tried": [], "path": "nope"}))

    assert json.loads(answer.content) == {"detail": "Not found."}
