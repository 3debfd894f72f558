import pytest
from django.test import Client

from accounts.services import telemetry
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nothing_counted_yet")]


def requests() -> dict[tuple[str, ...], float]:
    return {tally.labels: tally.numbers[0] for tally in telemetry.own.tallies() if tally.name == "api_requests_total"}


def added(before: dict[tuple[str, ...], float]) -> dict[tuple[str, ...], float]:
    return {
        labels: count - before.get(labels, 0) for labels, count in requests().items() if count != before.get(labels)
    }


def test_a_request_is_counted_by_its_route_and_not_by_the_ids_in_it():
    _, secret = factories.api_key()
    before = requests()

    Client().get("/feedback/12345", headers=factories.bearer(secret))
    Client().get("/feedback/67890/", headers=factories.bearer(secret))

    assert added(before) == {("/feedback/{feedback_id}", "GET", "404"): 2}


def test_addresses_that_lead_nowhere_are_counted_together():
    before = requests()

    Client().get("/wp-login.php")
    Client().get("/admin/no/such/page")
    Client().generic("BREW", "/pot")

    assert added(before) == {("other", "GET", "404"): 1, ("other", "GET", "302"): 1, ("other", "other", "404"): 1}


def test_an_answer_that_says_that_the_fault_is_ours_is_counted_as_an_error():
    answer = Client().get("/health/jobs")

    assert answer.status_code == 503
    errors = {tally.labels for tally in telemetry.own.tallies() if tally.name == "api_errors_total"}
    assert ("/health/jobs", "503") in errors
