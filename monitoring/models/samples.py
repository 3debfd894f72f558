from django.db import models


class CounterSample(models.Model):
    """What the processes of this machine had counted at one moment, so that rules can look at a stretch of time."""

    taken_at = models.DateTimeField(unique=True)
    figures = models.JSONField()

    class Meta:
        db_table = "counter_samples"
        ordering = ("-taken_at",)

    def __str__(self) -> str:
        return f"{self.taken_at:%Y-%m-%d %H:%M:%S}"
