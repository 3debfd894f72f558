from django.db import migrations

NAME = "retrain-daily"


def add(apps, schema_editor):
    """Offer the daily retraining, switched off.

    Beat writes every entry of the settings anew as it starts, which would switch off again what staff switched on. As a
    row of its own it is theirs to change.
    """
    crontabs = apps.get_model("django_celery_beat", "CrontabSchedule").objects
    tasks = apps.get_model("django_celery_beat", "PeriodicTask").objects
    at_three = {"minute": "0", "hour": "3", "day_of_week": "*", "day_of_month": "*", "month_of_year": "*"}
    crontab = crontabs.filter(**at_three, timezone="UTC").first() or crontabs.create(**at_three, timezone="UTC")
    tasks.get_or_create(
        name=NAME,
        defaults={
            "task": "learning.tasks.retrain",
            "crontab": crontab,
            "enabled": False,
            "description": "The weekly retraining every day as well, for teams with many ratings.",
        },
    )


def remove(apps, schema_editor):
    apps.get_model("django_celery_beat", "PeriodicTask").objects.filter(name=NAME).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("learning", "0004_evaluation_facts"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]

    operations = [migrations.RunPython(add, remove)]
