from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("learning", "0006_vote_dispute"),
    ]

    operations = [
        migrations.AlterField(
            model_name="learningalert",
            name="kind",
            field=models.CharField(
                choices=[
                    ("quality_drop", "quality fell after a run"),
                    ("vote_anomaly", "unusual ratings: the pattern is frozen"),
                    ("vote_dispute", "ratings contradict each other: the pattern is frozen"),
                    ("vote_flood", "far more ratings than count"),
                    ("predictor_refused", "a predictor could not be loaded"),
                ],
                max_length=20,
            ),
        ),
    ]
