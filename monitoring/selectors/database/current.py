"""The report of the database that is in use."""

from django.db import connection

from monitoring.selectors.database import postgresql, sqlite
from monitoring.selectors.database.report import DatabaseReport


def report() -> DatabaseReport:
    return postgresql.report() if connection.vendor == "postgresql" else sqlite.report()
