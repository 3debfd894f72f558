from django.db import models


class Database(models.Model):
    """No table: the permission to read the database page hangs on it, so that roles can hold it."""

    class Meta:
        managed = False
        default_permissions = ()
        permissions = (("view_database", "Can read the database page"),)

    def __str__(self) -> str:
        return "database"
