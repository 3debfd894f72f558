"""The configuration is read table by table while others may change it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from accounts.models import ApiKey
from routing.models import LanguageModel
from routing.services import snapshot
from tests import factories

pytestmark = pytest.mark.django_db


def test_whoever_has_a_key_finds_the_models_that_were_set_up_before_it() -> None:
    set_up_meanwhile: list[str] = []

    def set_up_after_the_keys(execute: Callable[..., Any], sql: str, *arguments: Any) -> Any:
        found = execute(sql, *arguments)
        if ApiKey._meta.db_table in sql and not set_up_meanwhile:
            set_up_meanwhile.append("as another process does between two of the reader's statements")
            factories.price(factories.language_model())
            factories.api_key()
        return found

    with connection.execute_wrapper(set_up_after_the_keys):
        read = snapshot.load()

    assert LanguageModel.objects.count() == 1
    assert set_up_meanwhile
    assert (len(read.keys), len(read.models)) == (0, 1)
