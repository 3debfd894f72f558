from django.db import models


class Team(models.Model):
    """Who pays: the owner of keys, budgets, ledger rows and settings."""

    slug = models.SlugField(max_length=64, unique=True)
    name = models.CharField(max_length=200)
    external_ref = models.CharField(
        max_length=500, unique=True, null=True, blank=True, help_text="For example the URL of the team's repository."
    )
    is_active = models.BooleanField(default=True)
    baseline_model = models.CharField(
        max_length=200,
        blank=True,
        help_text="Model that savings are measured against; empty for the dearest model of the top tier.",
    )
    cache_ttl_seconds = models.PositiveIntegerField(
        null=True, blank=True, help_text="How long answers are reused (at most 86400); empty turns the cache off."
    )
    prompt_retention_days = models.PositiveIntegerField(
        null=True, blank=True, help_text="Days to keep prompts and answers, encrypted; empty keeps none."
    )
    min_quality = models.FloatField(
        null=True,
        blank=True,
        help_text="Least expected quality in [0, 1] where the request names none; empty for the policy's.",
    )
    upgrade_limit_percent = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        help_text="Largest share of the requests for auto, in percent, that routing may send to a dearer model than "
        "usual; 100 is no limit, empty the installation's (UPGRADE_LIMIT_PERCENT).",
    )
    keeps_embeddings = models.BooleanField(
        default=True,
        help_text="Keep a numeric summary of each routed prompt to learn from; it counts as personal data.",
    )
    learns_alone = models.BooleanField(
        default=False,
        help_text="Learn from this team's evidence only, and keep that evidence from the other teams.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("slug",)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(cache_ttl_seconds__isnull=True) | models.Q(cache_ttl_seconds__range=(1, 86400)),
                name="team_cache_ttl_at_most_a_day",
            ),
            models.CheckConstraint(
                condition=models.Q(min_quality__isnull=True) | models.Q(min_quality__range=(0.0, 1.0)),
                name="team_min_quality_is_a_share",
            ),
            models.CheckConstraint(
                condition=models.Q(upgrade_limit_percent__isnull=True)
                | models.Q(upgrade_limit_percent__range=(0, 100)),
                name="team_upgrade_limit_is_a_percentage",
            ),
        )

    def __str__(self) -> str:
        return self.slug
