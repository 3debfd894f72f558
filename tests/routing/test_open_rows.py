import pytest

from routing.selectors import entries
from tests import factories

pytestmark = pytest.mark.django_db


def test_only_rows_that_are_not_closed_are_open():
    team = factories.team()
    factories.ledger_entry(team)
    waiting = factories.ledger_entry(team, state="pending")

    assert list(entries.open_rows()) == [waiting]


def test_open_rows_are_found_by_their_own_index():
    assert "ledger_pending" in entries.open_rows().explain()
