"""A short slice of `make fuzz`: whatever a provider sends is an answer, or an error of a provider."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz import hostile_provider
from tests.fuzz.hostile_provider import RIGHT

KINDS = pytest.mark.parametrize("kind", RIGHT)


@KINDS
@settings(max_examples=60)
@given(data=st.data())
def test_whatever_a_provider_answers_is_an_answer_or_an_error_of_a_provider(kind: str, data: st.DataObject) -> None:
    call, response = data.draw(hostile_provider.answers(kind))

    hostile_provider.answer(kind, call, response)


@KINDS
@settings(max_examples=60)
@given(data=st.data())
def test_whatever_a_provider_streams_ends_well_or_in_an_error_of_a_provider(kind: str, data: st.DataObject) -> None:
    call, response = data.draw(hostile_provider.streams(kind))

    hostile_provider.stream(kind, call, response)
