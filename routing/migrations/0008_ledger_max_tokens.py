from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("routing", "0007_mark_hours_of_ledger")]

    operations = [
        migrations.AddField(
            model_name="ledgerentry",
            name="max_tokens",
            field=models.IntegerField(
                help_text="Limit on the tokens of one answer: the caller's, or a smaller one of a team's rule.",
                null=True,
            ),
        ),
    ]
