from django.db import models


class ConfigVersion(models.Model):
    """One row whose number grows with every change of what the gateway decides from.

    Web processes poll it and reload their snapshot when it has moved.
    """

    version = models.BigIntegerField(default=1)
    changed_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return str(self.version)
