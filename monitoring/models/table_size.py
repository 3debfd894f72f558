from django.db import models


class TableSize(models.Model):
    """How large one table was on one day (UTC), so that its growth can be told."""

    day = models.DateField()
    table = models.CharField(max_length=128)
    rows = models.BigIntegerField(null=True, help_text="An estimate; null where the database keeps none.")
    bytes = models.BigIntegerField(help_text="With indexes.")

    class Meta:
        db_table = "table_sizes"
        ordering = ("-day", "table")
        constraints = (models.UniqueConstraint(fields=("day", "table"), name="table_size_once_a_day"),)

    def __str__(self) -> str:
        return f"{self.table} on {self.day}"
