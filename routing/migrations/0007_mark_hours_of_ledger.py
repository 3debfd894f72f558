"""Mark every hour that the ledger has rows of, so that it is read from there until it has been rolled up."""

from django.db import migrations

_POSTGRESQL = """
INSERT INTO routing_changedhour (period, writer, change)
SELECT DISTINCT date_trunc('hour', created_at, 'UTC'), 0, 0 FROM routing_metrics
ON CONFLICT (period, writer) DO NOTHING
"""
_SQLITE = """
INSERT OR IGNORE INTO routing_changedhour (period, writer, change)
SELECT DISTINCT substr(created_at, 1, 13) || ':00:00', 0, 0 FROM routing_metrics
"""


def mark(apps, schema_editor):
    schema_editor.execute(_POSTGRESQL if schema_editor.connection.vendor == "postgresql" else _SQLITE)


class Migration(migrations.Migration):
    dependencies = [("routing", "0006_usage_rollups")]
    operations = [migrations.RunPython(mark, migrations.RunPython.noop)]
