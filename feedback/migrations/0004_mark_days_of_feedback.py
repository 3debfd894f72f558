"""Mark every day that has ratings, so that they are counted one by one until the day has been added up."""

from django.db import migrations

_POSTGRESQL = """
INSERT INTO feedback_changedfeedbackday (period, writer, change)
SELECT DISTINCT date_trunc('day', created_at, 'UTC'), 0, 0 FROM response_feedback
ON CONFLICT (period, writer) DO NOTHING
"""
_SQLITE = """
INSERT OR IGNORE INTO feedback_changedfeedbackday (period, writer, change)
SELECT DISTINCT substr(created_at, 1, 10) || ' 00:00:00', 0, 0 FROM response_feedback
"""


def mark(apps, schema_editor):
    schema_editor.execute(_POSTGRESQL if schema_editor.connection.vendor == "postgresql" else _SQLITE)


class Migration(migrations.Migration):
    dependencies = [("feedback", "0003_feedback_tallies")]
    operations = [migrations.RunPython(mark, migrations.RunPython.noop)]
