"""Index the ledger by time: BRIN on PostgreSQL (small, and rows arrive in order), an ordinary index on SQLite."""

from django.db import migrations


def create(apps, schema_editor):
    using = "USING brin (created_at)" if schema_editor.connection.vendor == "postgresql" else "(created_at)"
    schema_editor.execute(f"CREATE INDEX ledger_time ON routing_metrics {using}")


def drop(apps, schema_editor):
    schema_editor.execute("DROP INDEX ledger_time")


class Migration(migrations.Migration):
    dependencies = [("routing", "0001_initial")]
    operations = [migrations.RunPython(create, drop)]
