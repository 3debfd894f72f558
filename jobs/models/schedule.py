from django.db import models


class ShippedSchedule(models.Model):
    """An entry of the settings' schedule as it was last written to the scheduler's table.

    While the settings say the same, the entry is as staff left it; entries that are not here are staff's own.
    """

    name = models.CharField(max_length=200, primary_key=True)
    definition = models.JSONField()
    first_shipped_at = models.DateTimeField()

    class Meta:
        db_table = "shipped_schedules"
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name
