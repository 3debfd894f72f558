"""A short slice of `make fuzz`: each operation of the schema answers as the schema says, whatever it is asked."""

import logging
from collections.abc import Iterator

import pytest
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests import factories
from tests.fuzz import operations


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.django_db
def test_every_operation_answers_as_its_schema_says() -> None:
    _, secret = factories.api_key(scopes=["admin"])
    client = Client(headers=factories.bearer(secret), raise_request_exception=False)
    over_django = [found for found in operations.operations() if not operations.is_of_the_gateway(found)]

    @settings(max_examples=20, phases=(Phase.generate,), suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def holds(data: st.DataObject) -> None:
        case = data.draw(operations.cases(data.draw(st.sampled_from(over_django))))

        operations.check(case, operations.ask(client, case))

    holds()
    assert len(over_django) > 60
