from django.db import models

from accounts.models.team import Team


class ApiKey(models.Model):
    """A credential of a team. Only a keyed hash is stored; the prefix is what people recognize it by."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=16, db_index=True)
    key_hash = models.CharField(max_length=64, unique=True)
    scopes = models.JSONField(default=list, blank=True, help_text='List of scopes; "admin" opens the control routes.')
    requests_per_minute = models.PositiveIntegerField(
        null=True, blank=True, help_text="Requests allowed in a UTC minute; empty for no limit."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("team", "name", "id")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(requests_per_minute__isnull=True) | models.Q(requests_per_minute__gt=0),
                name="api_key_rate_limit_positive",
            ),
        )

    def __str__(self) -> str:
        return f"{self.prefix}… ({self.name})"


class ApiKeyUsage(models.Model):
    """When a key was last used; apart from the key, so that using one never looks like a change of settings."""

    api_key = models.OneToOneField(ApiKey, on_delete=models.CASCADE, primary_key=True, related_name="usage")
    last_used_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "API key usage"

    def __str__(self) -> str:
        return f"{self.api_key_id} {self.last_used_at:%Y-%m-%d %H:%M}"


class RateLimitWindow(models.Model):
    """Requests of a key in one minute: the shared counter where no Redis is configured or it is away."""

    api_key_id = models.BigIntegerField()
    window_start = models.BigIntegerField(help_text="Unix time of the minute's first second.")
    request_count = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("api_key_id", "window_start"), name="rate_limit_window_unique"),)

    def __str__(self) -> str:
        return f"{self.api_key_id} {self.window_start}: {self.request_count}"
