import psycopg2
import pytest
from django.db import connection

from monitoring.models import AlertRule
from monitoring.selectors.measures import platform
from tests.factories import NOON
from tests.monitoring.alerts.test_alert_rules import HOLD, firing_after_its_time, states_after

# In one transaction the server would always show the connections of its beginning.
pytestmark = pytest.mark.django_db(transaction=True)


def test_a_database_that_runs_out_of_connections_fires_until_they_are_given_back() -> None:
    used = platform.connections(NOON, NOON)[0].value
    assert used is not None
    # The server has 197 for everybody: forty more are a fifth of them. Other tests take and give back some meanwhile.
    AlertRule.objects.filter(slug="database-pool-exhausted").update(threshold=used + 0.1)
    names = {"NAME": "dbname", "USER": "user", "HOST": "host", "PORT": "port"}
    where = {word: connection.settings_dict[name] for name, word in names.items() if connection.settings_dict[name]}

    held = [psycopg2.connect(**where) for _ in range(40)]
    try:
        assert firing_after_its_time("database-pool-exhausted", NOON)
    finally:
        for taken in held:
            taken.close()
    # The server notices that a client has gone a little later.
    moments = (NOON + HOLD * number for number in range(2, 500))
    assert any(states_after("database-pool-exhausted", now) == [["resolved"]] for now in moments)
